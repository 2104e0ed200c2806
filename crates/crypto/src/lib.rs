//! Primitives behind one small API; the only crate with unsafe code.
