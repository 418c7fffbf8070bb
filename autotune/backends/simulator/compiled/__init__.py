"""What all compiled code needs: the compiler, structs, random draws, sets of bits."""
