//! Work on the tree: tidy, test, gen, bench, ci.
fn main() {}
