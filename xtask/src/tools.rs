//! Installs what the tests need: mail servers from the distribution, cargo tools from source, both outside the tree.
//!
//! A machine that has everything is left alone, so a contributor without root installs the packages once by hand.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::run::{Result, cache, cargo, command, exists, output, succeed};

/// Programs the tests start, and the Debian package that brings each.
const PROGRAMS: &[(&str, &str)] = &[
    ("cc", "gcc"),
    ("certutil", "libnss3-tools"),
    ("cmsutil", "libnss3-tools"),
    ("dirmngr", "dirmngr"),
    ("gpg-agent", "gpg-agent"),
    ("gpgconf", "gpgconf"),
    ("gpgsm", "gpgsm"),
    ("javac", "default-jdk-headless"),
    ("knotd", "knot"),
    ("ldapsearch", "ldap-utils"),
    ("make", "make"),
    ("mutt", "mutt"),
    ("mutt_ldap_query", "lbdb"),
    ("neomutt", "neomutt"),
    ("openssl", "openssl"),
    ("pip3", "python3-pip"),
    ("pk12util", "libnss3-tools"),
    ("postfix", "postfix"),
    ("procmail", "procmail"),
    ("ps", "procps"),
    ("python3", "python3"),
    ("script", "bsdutils"),
    ("slapd", "slapd"),
    ("smtp-sink", "postfix"),
    ("smtp-source", "postfix"),
    ("swaks", "swaks"),
    ("systemd-analyze", "systemd"),
    ("unbound", "unbound"),
];

/// Modules of Perl that programs load only when they are used in some way, such as swaks with TLS, and the Debian package
/// that brings each.
const PERL_MODULES: &[(&str, &str)] = &[
    ("Authen::SASL", "libauthen-sasl-perl"),
    ("IO::Socket::SSL", "libio-socket-ssl-perl"),
    ("Net::LDAP", "libnet-ldap-perl"),
    ("Net::SSLeay", "libnet-ssleay-perl"),
];

/// Files that are no programs, and the Debian package that brings each: libraries of Java and of Python, and the settings
/// without which Evolution's engine does not start.
const FILES: &[(&str, &str)] = &[
    ("/usr/lib/python3/dist-packages/gi/__init__.py", "python3-gi"),
    (
        "/usr/share/glib-2.0/schemas/org.gnome.evolution-data-server.gschema.xml",
        "evolution-data-server-common",
    ),
    ("/usr/share/java/bcmail.jar", "libbcmail-java"),
];

/// Libraries in the folder of the machine's architecture, and the Debian package that brings each: the introspection of
/// Evolution's engine, one that shows a program another time of day, and what OpenSSL expands compressed messages with.
const LIBRARIES: &[(&str, &str)] = &[
    ("faketime/libfaketime.so.1", "faketime"),
    ("girepository-1.0/Camel-1.2.typelib", "gir1.2-camel-1.2"),
    ("libz.so", "zlib1g-dev"),
];

/// Cargo tools: the subcommand, its version, and what its installation needs beyond `--locked`.
///
/// They are built without optimisation: cargo-deny takes a minute and a half of two cores so, and runs once or twice.
const CARGO_TOOLS: &[(&str, &str, &[&str])] = &[
    ("cargo-nextest", "0.9.143", &["--no-default-features", "--features", "default-no-update"]),
    ("cargo-deny", "0.20.2", &["--no-default-features"]),
];

/// The name by which the tests find a second OpenSSL.
pub(crate) const OPENSSL_4: &str = "openssl-4";

/// Where the cache keeps its library and headers, for `openssl-peer`.
pub(crate) const OPENSSL_4_LIBRARY: &str = "openssl-4";

/// A package that has nothing but the crate with the source, so that cargo fetches it.
const OPENSSL_4_SOURCE: &str = "[package]\nname = \"openssl-4-source\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\
    [dependencies]\nopenssl-src = \"=400.0.2\"\n[workspace]\n";

/// Installs everything that is missing.
pub(crate) fn install() -> Result {
    install_programs()?;
    for (name, version, options) in CARGO_TOOLS {
        if !exists(name) {
            install_cargo_tool(name, version, options)?;
        }
    }
    let library = cache()?.join(OPENSSL_4_LIBRARY).join("libcrypto.a");
    if !exists(OPENSSL_4) || !library.is_file() {
        build_openssl_4()?;
    }
    fetch_thunderbird_nss()?;
    fetch_pkits()
}

/// Installs distribution packages without starting their services.
fn install_programs() -> Result {
    let programs = PROGRAMS.iter().filter(|(program, _)| !exists(program));
    let modules = PERL_MODULES.iter().filter(|(module, _)| !has_perl_module(module));
    let libraries = LIBRARIES.iter().filter(|(library, _)| !has_library(library));
    let files = FILES.iter().filter(|(file, _)| !Path::new(file).exists());
    let missing = programs.chain(modules).chain(libraries).chain(files);
    let mut packages: Vec<&str> = missing.map(|(_, package)| *package).collect();
    packages.sort_unstable();
    packages.dedup();
    if packages.is_empty() {
        return Ok(());
    }
    let wanted = packages.join(" ");
    if !exists("apt-get") || output(command("id").arg("-u"))?.trim() != "0" {
        return Err(format!("install these packages and run this again: {wanted}"));
    }
    println!("installing {wanted}");
    let _services = NoServices::hold()?;
    let apt = || {
        let mut apt = command("apt-get");
        // A new Postfix asks what kind of mail server this is; the default of no answer is to configure nothing.
        apt.env("DEBIAN_FRONTEND", "noninteractive").args(["-q", "-y", "-o", "Dpkg::Use-Pty=0"]);
        apt
    };
    succeed(apt().arg("update"))?;
    succeed(apt().args(["install", "--no-install-recommends"]).args(&packages))
}

/// Returns true if Perl finds a module; on a machine without Perl, swaks brings it.
fn has_perl_module(module: &str) -> bool {
    output(command("perl").args([&format!("-M{module}"), "-e", "1"])).is_ok()
}

/// Returns true if a library is in the folder of some architecture.
fn has_library(name: &str) -> bool {
    let folders =
        fs::read_dir("/usr/lib").into_iter().flatten().filter_map(std::result::Result::ok);
    folders.map(|folder| folder.path().join(name)).any(|file| file.is_file())
}

/// Builds a cargo tool into the cache folder.
fn install_cargo_tool(name: &str, version: &str, options: &[&str]) -> Result {
    println!("building {name} {version}");
    let folder = cache()?;
    let build = folder.join("build");
    let mut install = cargo();
    install
        .env_remove("RUSTFLAGS")
        .env("CARGO_PROFILE_DEV_DEBUG", "0")
        .env("CARGO_TARGET_DIR", &build);
    install.args([
        "install",
        "--quiet",
        "--locked",
        "--profile",
        "dev",
        "--version",
        version,
        "--root",
    ]);
    succeed(install.arg(&folder).args(options).arg(name))?;
    fs::remove_dir_all(&build)
        .map_err(|error| format!("cannot remove {}: {error}", build.display()))
}

/// Builds the OpenSSL whose source the crate `openssl-src` carries into the cache folder: a peer for post-quantum mail,
/// which no distribution has yet. Two minutes of two cores.
fn build_openssl_4() -> Result {
    println!("building {OPENSSL_4}");
    let bin = cache()?.join("bin");
    let place = cache()?.join("openssl-4-build");
    let failed = |what: &Path, error| format!("cannot write {}: {error}", what.display());
    fs::create_dir_all(place.join("src")).map_err(|error| failed(&place, error))?;
    fs::create_dir_all(&bin).map_err(|error| failed(&bin, error))?;
    for (name, text) in [("Cargo.toml", OPENSSL_4_SOURCE), ("src/lib.rs", "")] {
        let file = place.join(name);
        fs::write(&file, text).map_err(|error| failed(&file, error))?;
    }
    let vendor = |mut cargo: std::process::Command| {
        output(cargo.current_dir(&place).args(["vendor", "--quiet", "vendor"]))
    };
    vendor(cargo())?;
    let source = place.join("vendor/openssl-src/openssl");
    // The crate leaves tests, documents and the legacy provider out.
    let options = ["no-shared", "no-tests", "no-docs", "no-legacy", "zlib"];
    output(command(source.join("Configure")).current_dir(&source).args(options))?;
    let jobs = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    output(command("make").current_dir(&source).args([
        "-s",
        &format!("-j{jobs}"),
        "build_programs",
    ]))?;
    let program = bin.join(OPENSSL_4);
    fs::copy(source.join("apps/openssl"), &program).map_err(|error| failed(&program, error))?;
    keep_library(&source)?;
    fs::remove_dir_all(&place)
        .map_err(|error| format!("cannot remove {}: {error}", place.display()))
}

/// The folder of the cache with the libraries to which Thunderbird hands its S/MIME.
const THUNDERBIRD_NSS: &str = "thunderbird-nss";

/// Takes NSS out of Debian's Thunderbird, four megabytes of three hundred: a peer without a screen.
fn fetch_thunderbird_nss() -> Result {
    let place = cache()?.join(THUNDERBIRD_NSS);
    if place.is_dir() || Path::new("/usr/lib/thunderbird/libsmime3.so").is_file() {
        return Ok(());
    }
    println!("fetching the libraries of Thunderbird");
    let work = cache()?.join("thunderbird-work");
    let cannot = |error| format!("cannot use {}: {error}", work.display());
    fs::create_dir_all(&work).map_err(cannot)?;
    let download =
        || output(command("apt-get").current_dir(&work).args(["-q", "download", "thunderbird"]));
    // Lists that were fetched long ago name a package that is no longer there.
    download().or_else(|_| {
        succeed(command("apt-get").args(["-q", "update"]))?;
        download()
    })?;
    let fetched = fs::read_dir(&work).map_err(cannot)?.find_map(std::result::Result::ok);
    let package = fetched.ok_or("apt-get downloaded no package of Thunderbird")?.path();
    let chosen = work.join("chosen");
    fs::create_dir_all(&chosen).map_err(cannot)?;
    // Nothing but these is written: the program itself is most of the package.
    let unpack = "dpkg-deb --fsys-tarfile \"$0\" | tar --extract --directory chosen --strip-components 4 \"$@\"";
    let libraries = ["nss3", "nssutil3", "smime3", "softokn3", "freeblpriv3", "mozsqlite3", "ssl3"]
        .map(|name| format!("./usr/lib/thunderbird/lib{name}.so"));
    let mut shell = command("sh");
    shell.current_dir(&work).args(["-c", unpack]).arg(&package);
    output(shell.args(&libraries))?;
    // Only now there is a folder of that name, so that what was interrupted is begun again.
    fs::rename(&chosen, &place).map_err(cannot)?;
    fs::remove_dir_all(&work).map_err(cannot)
}

/// The folder of the cache with NIST's Public Key Interoperability Test Suite.
pub(crate) const PKITS: &str = "pkits";

/// A package of Python that carries it, among much else.
const PKITS_PACKAGE: &str = "cryptography-vectors==50.0.2";

/// Takes NIST's certificates and revocation lists, three megabytes, out of a package of fifty.
fn fetch_pkits() -> Result {
    let place = cache()?.join(PKITS);
    if place.is_dir() {
        return Ok(());
    }
    println!("fetching the certification paths of NIST");
    let work = cache()?.join("pkits-work");
    let cannot = |error| format!("cannot use {}: {error}", work.display());
    fs::create_dir_all(&work).map_err(cannot)?;
    let download = ["download", "--quiet", "--no-deps", "--only-binary=:all:", PKITS_PACKAGE];
    output(command("pip3").current_dir(&work).args(download))?;
    let unpack = "import glob, pathlib, zipfile\n\
        archive = zipfile.ZipFile(glob.glob('*.whl')[0])\n\
        for name in archive.namelist():\n\
        \x20   place = pathlib.PurePosixPath(name)\n\
        \x20   if 'PKITS_data' in place.parts and place.suffix in ('.crt', '.crl'):\n\
        \x20       folder = pathlib.Path('chosen', place.parent.name)\n\
        \x20       folder.mkdir(parents=True, exist_ok=True)\n\
        \x20       folder.joinpath(place.name).write_bytes(archive.read(name))\n";
    output(command("python3").current_dir(&work).args(["-c", unpack]))?;
    // Only now there is a folder of that name, so that what was interrupted is begun again.
    fs::rename(work.join("chosen"), &place).map_err(cannot)?;
    fs::remove_dir_all(&work).map_err(cannot)
}

/// Keeps what programs of ours need to be built with this OpenSSL.
fn keep_library(source: &Path) -> Result {
    let library = cache()?.join(OPENSSL_4_LIBRARY);
    let headers = library.join("include/openssl");
    fs::create_dir_all(&headers)
        .map_err(|error| format!("cannot create {}: {error}", headers.display()))?;
    let copy = |from: &Path, to: PathBuf| {
        fs::copy(from, &to).map_err(|error| format!("cannot write {}: {error}", to.display()))
    };
    let found = fs::read_dir(source.join("include/openssl"))
        .map_err(|error| format!("cannot read the headers: {error}"))?;
    for header in found.filter_map(std::result::Result::ok) {
        copy(&header.path(), headers.join(header.file_name()))?;
    }
    // Last: it tells that all is there.
    copy(&source.join("libcrypto.a"), library.join("libcrypto.a"))?;
    Ok(())
}

/// Tells Debian's packages not to start services while it lives.
struct NoServices {
    /// The file we wrote; none if the machine had a policy of its own.
    policy: Option<PathBuf>,
}

impl NoServices {
    fn hold() -> Result<Self> {
        use std::os::unix::fs::PermissionsExt as _;

        let path = Path::new("/usr/sbin/policy-rc.d");
        if path.exists() {
            return Ok(Self { policy: None });
        }
        let written = fs::write(path, "#!/bin/sh\nexit 101\n")
            .and_then(|()| fs::set_permissions(path, fs::Permissions::from_mode(0o755)));
        written.map_err(|error| format!("cannot write {}: {error}", path.display()))?;
        Ok(Self { policy: Some(path.into()) })
    }
}

impl Drop for NoServices {
    fn drop(&mut self) {
        if let Some(path) = &self.policy
            && let Err(error) = fs::remove_file(path)
        {
            println!("cannot remove {}: {error}", path.display());
        }
    }
}
