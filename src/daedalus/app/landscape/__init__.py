"""`daedalus landscape`: what lies around the optimum of a run, part by part; each part is a module."""
