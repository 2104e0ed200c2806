//! Starting other programs: where the tree is, what they inherit, and what to say when they fail.

use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
};

/// What every task returns; the text is for people.
pub(crate) type Result<T = ()> = std::result::Result<T, String>;

/// Returns the root of the tree: of the one that cargo runs us for, which need not be the one we were built in when several
/// share a build folder.
pub(crate) fn root() -> &'static Path {
    static ROOT: OnceLock<PathBuf> = OnceLock::new();
    ROOT.get_or_init(|| {
        let package = variable("CARGO_MANIFEST_DIR");
        package.map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from).join("..")
    })
}

/// Returns the folder outside the tree that keeps installed tools between runs.
pub(crate) fn cache() -> Result<PathBuf> {
    let base = match variable("XDG_CACHE_HOME") {
        Some(folder) => PathBuf::from(folder),
        None => PathBuf::from(variable("HOME").ok_or("neither XDG_CACHE_HOME nor HOME is set")?)
            .join(".cache"),
    };
    Ok(base.join("chancery"))
}

/// Returns cargo's build folder, wherever the environment or a configuration of cargo puts it.
pub(crate) fn target() -> PathBuf {
    static TARGET: OnceLock<PathBuf> = OnceLock::new();
    let usual = || root().join(variable("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into()));
    let told = || {
        let metadata =
            output(cargo().args(["metadata", "--format-version=1", "--no-deps"])).ok()?;
        let metadata: serde_json::Value = serde_json::from_str(&metadata).ok()?;
        metadata["target_directory"].as_str().map(PathBuf::from)
    };
    TARGET.get_or_init(|| told().unwrap_or_else(usual)).clone()
}

/// Returns the cargo that started us, so that one run uses one toolchain.
pub(crate) fn cargo() -> Command {
    let mut command = command(variable("CARGO").unwrap_or_else(|| "cargo".into()));
    // Cargo sets these for us; they would make the inner cargo rebuild what the outer one built.
    for name in ["CARGO_MANIFEST_DIR", "CARGO_MANIFEST_PATH", "CARGO_PKG_NAME", "CARGO_PKG_VERSION"]
    {
        command.env_remove(name);
    }
    command
}

/// Returns a command that runs in the root and finds the tools we installed.
pub(crate) fn command(program: impl Into<OsString>) -> Command {
    let mut command = Command::new(program.into());
    command.current_dir(root()).stdin(Stdio::null());
    // Without a locale javac takes sources for ASCII, and with another one programs do not speak English.
    command.env("LC_ALL", "C.UTF-8");
    let mut folders: Vec<PathBuf> =
        cache().map(|cache| vec![cache.join("bin")]).unwrap_or_default();
    folders.extend(env::split_paths(&variable("PATH").unwrap_or_default()));
    // Debian keeps mail servers where only root's PATH looks.
    folders.push("/usr/sbin".into());
    if let Ok(path) = env::join_paths(folders) {
        command.env("PATH", path);
    }
    command
}

/// Runs a command to its end and fails unless it succeeds.
pub(crate) fn succeed(command: &mut Command) -> Result {
    let status = command.status().map_err(|error| format!("cannot start {command:?}: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("{} failed: {status}", line(command))) }
}

/// Runs a command and returns what it printed on stdout.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let output = command.output().map_err(|error| format!("cannot start {command:?}: {error}"))?;
    if output.status.success() {
        String::from_utf8(output.stdout)
            .map_err(|error| format!("{} printed no UTF-8: {error}", line(command)))
    } else {
        let words = String::from_utf8_lossy(&output.stderr);
        Err(format!("{} failed: {}\n{}", line(command), output.status, words.trim_end()))
    }
}

/// Returns true if a program of this name can be started.
pub(crate) fn exists(program: &str) -> bool {
    let path = variable("PATH").unwrap_or_default();
    let ours = cache().map(|cache| cache.join("bin")).unwrap_or_default();
    env::split_paths(&path)
        .chain([ours, PathBuf::from("/usr/sbin")])
        .any(|folder| folder.join(program).is_file())
}

/// Returns an environment variable, the one place of this tool that reads them.
#[expect(
    clippy::disallowed_methods,
    reason = "a contributor's tool has no settings but the environment"
)]
pub(crate) fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

/// Returns the command as one would type it.
fn line(command: &Command) -> String {
    let mut words = vec![command.get_program().to_string_lossy()];
    words.extend(command.get_args().map(|word| word.to_string_lossy()));
    words.join(" ")
}
