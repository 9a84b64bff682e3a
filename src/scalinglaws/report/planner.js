(function(){
'use strict';
const P=JSON.parse(document.getElementById('data').textContent),$=i=>document.getElementById(i);
const NS='http://www.w3.org/2000/svg';
function el(n,a,t){const e=document.createElementNS(NS,n);for(const k in a)e.setAttribute(k,a[k]);if(t!==undefined)e.textContent=t;return e;}
function html(n,t,c){const e=document.createElement(n);e.textContent=t;if(c)e.className=c;return e;}

/* hover: the row of the table of runs that a point stands for; arrow keys step through them */
const rows=[...document.querySelectorAll('#runs tbody tr')],head=[...document.querySelectorAll('#runs thead th')].map(h=>h.textContent),tip=$('hover');
function show(dot){document.querySelectorAll('.hit').forEach(e=>e.classList.remove('hit'));
  if(!dot){tip.hidden=true;return;}
  const row=rows[Number(dot.dataset.run)];if(!row)return;
  dot.classList.add('hit');tip.replaceChildren(...[...row.cells].flatMap((c,i)=>[html('span',head[i]+' '+c.textContent),document.createElement('br')]));tip.hidden=false;
  const r=dot.getBoundingClientRect(),w=tip.offsetWidth,h=tip.offsetHeight;
  tip.style.left=Math.max(4,Math.min(innerWidth-w-4,r.left+12))+'px';tip.style.top=(r.top-h-8>0?r.top-h-8:r.bottom+8)+'px';}
document.querySelectorAll('svg').forEach(s=>{const dots=[...s.querySelectorAll('[data-run]')];if(!dots.length)return;let at=dots.length;
  s.tabIndex=0;
  s.addEventListener('pointermove',e=>{let best=null,d=144;for(const c of dots){const r=c.getBoundingClientRect(),q=(r.left+r.width/2-e.clientX)**2+(r.top+r.height/2-e.clientY)**2;if(q<d){d=q;best=c;}}show(best);});
  s.addEventListener('pointerleave',()=>show(null));s.addEventListener('blur',()=>show(null));
  s.addEventListener('keydown',e=>{const step={ArrowLeft:-1,ArrowRight:1}[e.key];if(e.key==='Escape')show(null);if(!step)return;e.preventDefault();at=Math.max(0,Math.min(dots.length-1,at+step));show(dots[at]);});});
if(!P)return;

/* numbers as people write them */
const suffix={k:1e3,m:1e6,b:1e9,g:1e9,t:1e12,q:1e15};
function parse(s){const m=/^\s*((?:\d{1,3}(?:[,_ ]\d{3})+|\d+)(?:\.\d*)?|\.\d+)(?:e([-+]?\d+))?\s*([kmbgtq]?)\s*$/i.exec(s);
  return m?Number(m[1].replace(/[,_ ]/g,'')+'e'+(m[2]||0))*(suffix[m[3].toLowerCase()]||1):NaN;}
const sig=(v,d)=>Number(v.toPrecision(d));
function count(v,d){for(const [s,l] of [[1e12,'T'],[1e9,'B'],[1e6,'M'],[1e3,'K']])if(v>=s*.9995&&v<1e15)return sig(v/s,d||3)+l;return v<1e3?String(sig(v,d||3)):power(v,d||3);}
function power(v,d){const [m,e]=v.toExponential((d||3)-1).split('e');return Number(m)+'e'+Number(e);}
function group(v){return v<100||v>1e12?(v<1e-3||v>1e12?power(v,2):String(sig(v,2))):Math.round(sig(v,2)).toLocaleString('en').replace(/,/g,'\u202f');}
/* so many decimals that the half-width keeps two digits, and more of them in the table */
function metric(v,half,more){const d=half>0?1-Math.floor(Math.log10(half))+(more||0):4;return Math.abs(v)>=1e6||d>8?sig(v,4).toString():v.toFixed(Math.max(0,d));}

/* cubic interpolation on even axes */
function weights(axis,x){const [a,h,n]=axis;let t=Math.min(Math.max((x-a)/h,0),n-1),k=Math.min(Math.max(Math.floor(t)-1,0),n-4);t-=k;
  return [k,[-(t-1)*(t-2)*(t-3)/6,t*(t-2)*(t-3)/2,-t*(t-1)*(t-3)/2,t*(t-1)*(t-2)/6]];}
function at(table,name,xs){const c=table.columns[name];if(!c)return NaN;let sum=0;const w=xs.map((x,i)=>weights(table.axes[i],x)),n=xs.length>1?table.axes[1][2]:1;
  for(let i=0;i<4;i++){const q=w[0][1][i];if(xs.length===1){const v=c[w[0][0]+i];sum+=q*(v===null?NaN:v);continue;}
    for(let j=0;j<4;j++){const v=c[(w[0][0]+i)*n+w[1][0]+j];sum+=q*w[1][1][j]*(v===null?NaN:v);}}
  return sum;}
const logged=/^(N|D|smallest|largest)/;
const read=(table,name,xs)=>logged.test(name)?Math.exp(at(table,name,xs)):at(table,name,xs);
const end=axis=>axis[0]+axis[1]*(axis[2]-1);

const axis=P.plan.axes[0],lowC=axis[0]/Math.LN10,highC=end(axis)/Math.LN10,level=sig(100*P.level,4)+' %';
const state={mode:'plan',C:P.first,S:1e12,U:5e11,P:2,M:40};
/* where to read the plan: the table, its coordinates, and why there is none */
function place(){const lnC=Math.log(state.C),plain=[P.plan,[lnC]];
  if(state.mode==='plan')return plain;
  const table=P[state.mode],amount=state.mode==='served'?state.S:state.U,u=Math.log(amount)-at(P.plan,'D',[lnC]),a=table.axes[1];
  if(state.mode==='served'){if(u>end(a))return [null,null,'Serving so many tokens takes nearly the whole budget; this page has no plan for it.'];return u<a[0]?plain:[table,[lnC,u]];}
  if(u<a[0])return [null,null,'With so few unique tokens the data would be repeated more than about fifty times; this page has no plan for it.'];
  return u>=0?plain:[table,[lnC,u]];}

function valley(best){const box=$('valley');box.replaceChildren();if(state.mode!=='plan'||!P.around)return;
  const lnC=Math.log(state.C),W=Math.max(280,Math.min(640,box.clientWidth||560)),H=220,l=44,r=12,t=20,b=34,a=P.around.axes[1],pts=[];
  for(let i=0;i<=56;i++){const u=a[0]+(end(a)-a[0])*i/56,g=n=>read(P.around,n,[lnC,u]);pts.push({u,law:g('law'),f:g('forecast'),lo:g('forecast_low'),hi:g('forecast_high'),ll:g('law_low'),lh:g('law_high')});}
  const has=isFinite(pts[28].f),lo=p=>has?p.lo:p.ll,hi=p=>has?p.hi:p.lh,mid=pts.slice(10,47),all=mid.flatMap(p=>[p.law,lo(p),hi(p)]).filter(isFinite);
  const y0=Math.min(...all),y1=Math.max(...all),pad=.05*(y1-y0)||1,X=u=>l+(u-a[0])/(end(a)-a[0])*(W-l-r),Y=v=>t+(y1+pad-v)/(y1-y0+2*pad)*(H-t-b);
  const svg=el('svg',{viewBox:`0 0 ${W} ${H}`,width:W,height:H,role:'img','aria-label':'Law and forecast against parameters at this budget'});
  const clip=el('clipPath',{id:'vc'});clip.append(el('rect',{x:l,y:t,width:W-l-r,height:H-t-b}));const g=el('g',{'clip-path':'url(#vc)'});
  const line=(f,c)=>g.append(el('path',{class:c,d:'M'+pts.filter(p=>isFinite(f(p))).map(p=>X(p.u).toFixed(1)+' '+Y(f(p)).toFixed(1)).join('L')}));
  const small=at(P.plan,'smallest',[lnC])-Math.log(best),large=at(P.plan,'largest',[lnC])-Math.log(best);
  if(isFinite(small+large))g.append(el('rect',{class:'flat',x:X(Math.max(small,a[0])),y:t,width:X(Math.min(large,end(a)))-X(Math.max(small,a[0])),height:H-t-b}));
  g.append(el('path',{class:has?'bl':'lb',d:'M'+[...pts.map(p=>[p.u,hi(p)]),...pts.slice().reverse().map(p=>[p.u,lo(p)])].filter(q=>isFinite(q[1])).map(q=>X(q[0]).toFixed(1)+' '+Y(q[1]).toFixed(1)).join('L')+'Z'}));
  line(p=>p.law,'case');line(p=>p.law,'law');if(has){line(p=>p.f,'case');line(p=>p.f,'fc');}
  const step=[1,2,5,10].map(m=>m*10**Math.floor(Math.log10((y1-y0)/4))).find(s=>(y1-y0)/s<=5);
  for(let v=Math.ceil(y0/step)*step;v<y1;v+=step)svg.append(el('path',{class:'grid',d:`M${l} ${Y(v).toFixed(1)}H${W-r}`}),el('text',{class:'t','text-anchor':'end',x:l-6,y:Y(v)+4},String(sig(v,4))));
  svg.append(clip,g,el('path',{class:'mkl',d:`M${X(0)} ${t}V${H-b}`}),el('circle',{class:'mkc',cx:X(0),cy:Y(has?pts[28].f:pts[28].law),r:4.5}));
  let last=-99;for(let e=-12;e<22;e++)for(const m of [1,3]){const u=Math.log(m*10**e/best),x=X(u);if(u>a[0]&&u<end(a)&&x-last>46){last=x;svg.append(el('path',{class:'axis',d:`M${x.toFixed(1)} ${H-b}v4`}),el('text',{class:'t','text-anchor':'middle',x,y:H-b+16},count(m*10**e)));}}
  svg.append(el('text',{class:'t',x:0,y:11},'at this budget'),el('text',{class:'t','text-anchor':'middle',x:(l+W)/2,y:H-2},'parameters N'));
  if(isFinite(small+large))svg.append(el('text',{class:'t',x:X(Math.max(small,a[0]))+6,y:H-b-8},'within 1 % of the best'));
  const k=pts[50],up=has&&k.f<k.law;svg.append(el('text',{class:'lab lawt','text-anchor':'middle',x:X(k.u),y:Y(k.law)+(up||!has?-7:16)},'law'));
  if(has)svg.append(el('text',{class:'lab fct','text-anchor':'middle',x:X(k.u),y:Y(k.f)+(up?17:-7)},'forecast'));
  box.append(svg);}

/* the mark on the main pictures */
function mark(C,v,lo,hi,law){document.querySelectorAll('svg[data-x]').forEach(s=>{const g=s.querySelector('.mark');if(!g)return;
  const [a,b,p,q]=s.dataset.x.split(',').map(Number),[c,d,e,f]=s.dataset.y.split(',').map(Number),lin=(v,a,b,p,q)=>p+(v-a)/(b-a)*(q-p);
  const x=lin(Math.min(Math.max(Math.log(C),a),b),a,b,p,q),Y=v=>Math.min(e,Math.max(f,c>0?lin(Math.log(v),Math.log(c),Math.log(d),e,f):lin(v,c,d,e,f)));
  g.querySelector('.mkl').setAttribute('d',`M${x} ${f+18}V${e}`);const bar=g.querySelector('.mki');if(bar)bar.setAttribute('d',isFinite(lo+hi)?`M${x} ${Y(lo)}V${Y(hi)}`:'');
  const o=g.querySelector('circle'),t=g.querySelector('text');o.setAttribute('cx',x);o.setAttribute('cy',Y(v));t.setAttribute('x',x);
  t.setAttribute('y',Math.max(Math.min(isFinite(hi)?Y(hi):Y(v),isFinite(law)?Y(law):Y(v))-9,f+26));t.textContent=metric(v,(hi-lo)/2);});}

function update(){const [table,xs,why]=place(),ans=$('ans'),dl=$('rows'),m=$('msg');ans.replaceChildren();dl.replaceChildren();m.replaceChildren();m.className='msg';$('code').textContent='';
  document.querySelectorAll('[data-mode]').forEach(e=>{e.hidden=e.dataset.mode!==state.mode;});
  if(!table){$('valley').replaceChildren();m.className='msg warn';m.append(html('b','No plan: '),why);return;}
  const get=n=>read(table,n,xs),N=get('N'),D=get('D');
  if(!isFinite(N+D)){$('valley').replaceChildren();m.append(html('b','No plan: '),'the law has no optimum at this budget.');return;}
  const training=P.cost*N*D,law=get('law'),f=get('forecast'),has=isFinite(f),v=has?f:law,lo=get(has?'forecast_low':'law_low'),hi=get(has?'forecast_high':'law_high'),half=(hi-lo)/2,hours=state.C/(P.peak*state.M/100*3600);
  const span=(a,b,w)=>isFinite(a+b)?w(a)+' to '+w(b):'';
  ans.append('Train ',html('b',count(N,2)+' parameters'),' on ',html('b',count(D,2)+' tokens'),'. Expect ',html('b',metric(v,half)));
  if(isFinite(half))ans.append(` (${level}: ${metric(lo,half)} to ${metric(hi,half)})`);
  ans.append(', for about ',html('b',group(hours*state.P)),' at this price.');
  function row(name,key,value,text,note){const d=document.createElement('dd'),data=html('data',text);data.value=String(value);data.id='v-'+key;d.append(data);dl.append(html('dt',name),d,html('dd',note,'i'));}
  const near=state.mode==='plan'?span(read(P.plan,'smallest',xs),read(P.plan,'largest',xs),x=>count(x,2)):'';
  row('parameters','N',N,count(N),[span(get('N_low'),get('N_high'),x=>count(x)),near&&'within 1 % of the best: '+near].filter(Boolean).join('; '));
  row('tokens','D',D,count(D),[span(get('D_low'),get('D_high'),x=>count(x)),sig(D/N,3)+' a parameter'].filter(Boolean).join('; '));
  if(has)row('forecast','forecast',f,metric(f,half,1),span(lo,hi,x=>metric(x,half,1))+', of a new run');
  if(isFinite(law)){const ll=get('law_low'),lh=get('law_high');row('law','law',law,metric(law,(lh-ll)/2,1),span(ll,lh,x=>metric(x,(lh-ll)/2,1))+(isFinite(ll)?', of the curve':''));}
  const times=training/P.largest;row('beyond the runs','beyond',times,times>1?sig(times,2)+'×':'no',times>1?'the compute of the largest run':'inside the range of the runs');
  row('H100 hours','hours',hours,group(hours),`at ${state.M} % of ${sig(P.peak/1e12,3)} TFLOP/s`);
  if(state.mode==='served')row('of it served','share',1-training/state.C,Math.round(100*(1-training/state.C))+' %',`2N FLOP for each of ${count(state.S)} tokens; ${sig(read(P.plan,'N',[xs[0]])/N,2)}× smaller than without`);
  if(state.mode==='unique')row('epochs','epochs',Math.max(1,D/state.U),String(sig(Math.max(1,D/state.U),3)),'repeated tokens by the constants of Muennighoff 2023');
  const note=get('usable'),fight=get('disputed');
  if(has&&note<.5){m.className='msg warn';m.append(html('b','Not usable: '),'the forecast is too wide or too far here; do not plan on this number.');}
  else if(fight>.5){m.className='msg warn';m.append(html('b','Disputed: '),'law and forecast differ by more than their intervals allow. N and D are the law’s; the expected value is the forecast’s.');}
  else if(has&&isFinite(law))m.append('Law and forecast agree here.');
  const k=P.cost===6?'':`, cost=${P.cost}`,C=power(state.C,3);
  if(P.around)$('code').textContent={plan:`sl.optimal(fit, C="${C}"${k})`,served:`sl.serving(fit, served="${count(state.S)}", budget="${C}"${k})`,unique:`sl.limited_data(fit, C="${C}", unique="${count(state.U)}"${k})`}[state.mode];
  valley(N);mark(training,v,lo,hi,law);}

/* every slider has a text beside it */
const ten=v=>10**v,same=v=>v,plain=v=>String(sig(v,3));
const controls=[['C',ten,Math.log10,x=>power(x,3),[10**lowC*.999,10**highC*1.001]],['S',ten,Math.log10,x=>count(x),[1e3,1e20]],['U',ten,Math.log10,x=>count(x),[1e3,1e20]],['P',same,same,plain,[1e-6,1e9]],['M',same,same,plain,[1,100]]];
$('Cr').min=Math.ceil(100*lowC)/100;$('Cr').max=Math.floor(100*highC)/100;$('C0').textContent=power(10**lowC,2);$('C1').textContent=power(10**highC,2);
for(const [k,from,to,write,[least,most]] of controls){const r=$(k+'r'),t=$(k+'t');
  const refresh=()=>{t.value=write(state[k]);r.value=to(state[k]);r.setAttribute('aria-valuetext',write(state[k]));t.removeAttribute('aria-invalid');};
  r.addEventListener('input',()=>{state[k]=from(Number(r.value));refresh();update();});
  t.addEventListener('change',()=>{const v=parse(t.value);if(!(v>=least&&v<=most)){t.setAttribute('aria-invalid','true');return;}state[k]=v;refresh();update();});
  refresh();}
$('modes').hidden=!P.served&&!P.unique;
document.querySelectorAll('input[name=mode]').forEach(e=>{e.closest('label').hidden=e.value!=='plan'&&!P[e.value];e.addEventListener('change',()=>{state.mode=e.value;update();});});
let width=innerWidth;addEventListener('resize',()=>{if(innerWidth!==width){width=innerWidth;update();}});
$('planner').hidden=false;update();
})();
