"""FairMOT, trained on a labelled clip."""
