"""Ways: for each kind of stage the families of kernels that compute it, and the tiles worth trying."""
