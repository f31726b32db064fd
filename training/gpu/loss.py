"""`tfseg.losses.BCEDice` in PyTorch."""

from torch.nn import functional as F

SMOOTHING = 0.0125  # of soft Dice, as a share of the frame's pixels


def bce_dice(logits, mask, weight):
    """Half weighted cross-entropy, half the logarithm of soft Dice.

    Args:
        logits: float32 `[B, 1, H, W]`.
        mask: float32 `[B, 1, H, W]` in {0, 1}.
        weight: float32 `[B, 1, H, W]`, of the pixels in the cross-entropy.

    Returns:
        `(loss, dice)`, scalars: the mean over the photos of either.
    """
    entropy = F.binary_cross_entropy_with_logits(logits, mask, weight, reduction="none").mean((1, 2, 3))
    probability = logits.sigmoid()
    both, either = (mask * probability).sum((1, 2, 3)), (mask + probability).sum((1, 2, 3))
    smoothing = SMOOTHING * mask[0].numel()
    dice = (2 * both + smoothing) / (either + smoothing)
    return (entropy - dice.log()).mean() / 2, dice.mean()
