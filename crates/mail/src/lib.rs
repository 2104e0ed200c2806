//! Byte-exact MIME index, headers and addresses; never rebuilds what it did not change.
