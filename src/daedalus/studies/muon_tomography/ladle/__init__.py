"""The ladle: how full of steel it is."""
