//! Tests of path checking.
