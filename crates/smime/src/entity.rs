//! Finds the header and the body of an entity in a stream.
