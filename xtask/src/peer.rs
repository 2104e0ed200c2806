//! Builds `openssl-peer`: OpenSSL's library behind a small program of ours, for the bench and for differential fuzzing.

use std::path::PathBuf;

use crate::{
    run::{Result, cache, command, output, root, target},
    tools,
};

/// Builds the program and returns where it is: with the OpenSSL 4 that `tools` builds, or else with the distribution's.
pub(crate) fn build() -> Result<PathBuf> {
    let folder = target();
    std::fs::create_dir_all(&folder)
        .map_err(|error| format!("cannot create {}: {error}", folder.display()))?;
    let program = folder.join("openssl-peer");
    let mut compile = command("cc");
    compile.args(["-O2", "-Wall", "-Wextra", "-Werror", "-o"]).arg(&program);
    compile.arg(root().join("benches/openssl/peer.c"));
    let library = cache()?.join(tools::OPENSSL_4_LIBRARY);
    if library.join("libcrypto.a").is_file() {
        compile.arg("-I").arg(library.join("include")).arg(library.join("libcrypto.a"));
        compile.args(["-lz", "-lpthread", "-ldl"]);
    } else {
        compile.arg("-lcrypto");
    }
    output(&mut compile)?;
    Ok(program)
}
