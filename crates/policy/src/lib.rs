//! Facts in, decision with its reasons out; typed, versioned, no IO.
