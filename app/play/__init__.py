"""A world being played: the window's loop, what is drawn over the picture, saves, pictures to begin with."""
