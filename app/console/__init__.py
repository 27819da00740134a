"""What commands print on a terminal. None of them draws."""
