"""Small published tables, typed in with their source."""

from __future__ import annotations

import numpy as np
import pandas as pd

# Caballero et al. 2022, github.com/ethancaballero/broken_neural_scaling_laws, four-digit addition
FOUR_DIGIT_ADDITION = pd.DataFrame(
    {
        "D": [160.0, 192, 256, 320, 384, 448, 480, 512, 544, 576, 608, 640, 672, 736, 800, 864,
              928],
        "loss": [2.13809046, 2.11813418, 2.08955508, 2.06988398, 2.05404987, 2.03837089, 2.02814281,
                 2.00496872, 1.95576149, 1.86313841, 1.70891537, 1.50637664, 1.29754721, 0.96559684,
                 0.75856477, 0.64768338, 0.55695445],
    }
)  # fmt: skip

# Chen et al. 2025 (ParScale), github.com/QwenLM/ParScale, parametric_fit.py: rows are 1, 2, 4 and 8
# streams, columns the six sizes
_PARAMETERS = [
    [535813376, 693753856, 1088376320, 1571472384, 2774773760, 4353203200],
    [538195842, 696738818, 1092762882, 1577522690, 2784937986, 4368529922],
    [540577412, 699722756, 1097148164, 1583571460, 2795100164, 4383854084],
    [545340552, 705690632, 1105918728, 1595669000, 2815424520, 4414502408],
]
_STACK = [
    [1.1722, 1.1496, 1.1131, 1.0817, 1.0451, 1.0213],
    [1.1507, 1.1262, 1.0940, 1.0623, 1.0244, 1.0025],
    [1.1354, 1.1124, 1.0808, 1.0490, 1.0126, 0.9906],
    [1.1231, 1.0997, 1.0688, 1.0383, 1.0016, 0.9794],
]
_PILE = [
    [2.1113, 2.0671, 2.0027, 1.9539, 1.8876, 1.8451],
    [2.0772, 2.0363, 1.9730, 1.9266, 1.8610, 1.8137],
    [2.0544, 2.0128, 1.9509, 1.9040, 1.8394, 1.7938],
    [2.0364, 1.9933, 1.9318, 1.8856, 1.8218, 1.7772],
]


def parallel_streams(losses: list[list[float]]) -> pd.DataFrame:
    """One row for each size and number of streams."""
    return pd.DataFrame(
        {
            "N": np.ravel(_PARAMETERS).astype(float),
            "P": np.repeat([1.0, 2.0, 4.0, 8.0], 6),
            "loss": np.ravel(losses),
        }
    )


PARALLEL_STREAMS = {
    "stack-v2-python": parallel_streams(_STACK),
    "pile": parallel_streams(_PILE),
}

# Cherti et al. 2022, from LAION-AI/scaling-laws-openclip, zeroshot_results.csv: of the 29 models
# trained on LAION those on the lower envelope of an error, in the columns of CLIP_WIT
CLIP_LAION = pd.DataFrame(
    [
        ("ViT-B/32, 400M, 3B", 1.80855445e10, 0.57120, 0.56285489, 0.8050),
        ("ViT-B/32, 2B, 3B", 1.89440983e10, 0.57358, 0.57013196, 0.8216),
        ("ViT-B/16, 400M, 3B", 5.02729258e10, 0.62684, 0.60851657, 0.8584),
        ("ViT-B/16, 2B, 3B", 5.26594732e10, 0.61822, 0.61083567, 0.8512),
        ("ViT-B/32, 2B, 13B", 9.62e10, 0.62526, 0.61663336, 0.8536),
        ("ViT-B/32, 400M, 13B", 9.77984e10, 0.63228, 0.61899239, 0.8520),
        ("ViT-L/14, 400M, 3B", 2.14411462e11, 0.69306, 0.65629750, 0.8914),
        ("ViT-L/14, 2B, 3B", 2.24589965e11, 0.68928, 0.66205519, 0.8982),
        ("ViT-B/16, 2B, 13B", 2.68122271e11, 0.68134, 0.66109556, 0.8990),
        ("ViT-B/16, 2B, 34B", 7.03820959e11, 0.70222, 0.67728907, 0.9032),
        ("ViT-L/14, 2B, 13B", 1.122944e12, 0.73096, 0.69156337, 0.9172),
        ("ViT-L/14, 2B, 34B", 2.80736e12, 0.75202, 0.71079570, 0.9292),
        ("ViT-g/14, 2B, 13B", 3.54939666e12, 0.76664, 0.72399038, 0.9348),
        ("ViT-H/14, 2B, 34B", 6.63150887e12, 0.77972, 0.73430628, 0.9410),
    ],
    columns=["model", "C", "imagenet", "mscoco", "flickr30k"],
)

# Cherti et al. 2022: the three models trained on WIT; compute in GMAC times samples, accuracy on
# ImageNet and recall at 5 of image retrieval, zero-shot. Typed in from
# LAION-AI/scaling-laws-openclip, zeroshot_results.csv.
CLIP_WIT = pd.DataFrame(
    {
        "model": ["ViT-B/32", "ViT-B/16", "ViT-L/14"],
        "C": [9.472e10, 2.63296e11, 1.122944e12],
        "imagenet": [0.63334, 0.68352, 0.7549],
        "mscoco": [0.55845660, 0.58368653, 0.61083567],
        "flickr30k": [0.83380002, 0.85540003, 0.87159997],
    }
)
