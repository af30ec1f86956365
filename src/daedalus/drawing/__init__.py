"""Drawing: views of an apparatus, slices of maps, curves and animations, for any study."""
