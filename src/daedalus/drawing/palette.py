"""The colours of all figures, safe for colour-blind readers and distinct in print."""

# Okabe and Ito, "Color Universal Design" (2008): eight colours that all kinds of colour vision tell apart.
BLUE, ORANGE, GREEN, VERMILION = "#0072B2", "#E69F00", "#009E73", "#D55E00"
PURPLE, SKY, YELLOW, BLACK = "#CC79A7", "#56B4E9", "#F0E442", "#000000"
GREY, PALE, INK = "#8A8A8A", "#D9D9D9", "#333333"
CYCLE = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, BLACK)
DASHES = ("-", "--", "-.", ":")
MARKERS = ("o", "s", "^", "v", "D", "P", "X")
