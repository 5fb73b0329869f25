"""What passes between the rooms: token files, sidecars, conditions, manifests."""
