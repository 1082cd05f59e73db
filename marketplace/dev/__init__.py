"""For whoever works on the marketplace: a made-up nation to measure with. Nothing here runs in production."""
