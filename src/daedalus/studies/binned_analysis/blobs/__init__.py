"""The blobs of neos: a classifier, its bins and a shape systematic, trained for the limit that is quoted."""
