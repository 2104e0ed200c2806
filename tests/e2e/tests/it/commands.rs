//! Commands as a shell sees them: exit codes, and what they leave behind.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    process::{Command, Stdio},
};

use chancery_e2e::{chancery, place::Folder, wait};

/// What the demo says when it is ready for more.
const KEPT: &str = "Both gateways go on";

#[test]
fn a_demo_that_a_signal_ends_leaves_no_keys_behind() {
    // At once while it makes keys, as soon as a gateway runs, and in the end.
    for (signal, moment) in
        [("-TERM", "Two organisations"), ("-INT", "exchanged partner cards"), ("-HUP", KEPT)]
    {
        let folder = Folder::new();
        let mut command = Command::new(chancery::binary());
        command.args(["demo", "--keep"]).env("TMPDIR", folder.path());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut demo = command.spawn().expect("the binary starts");
        let lines = BufReader::new(demo.stderr.take().expect("it is piped")).lines();
        let mut lines = lines.map_while(Result::ok);
        assert!(lines.any(|line| line.contains(moment)), "the demo never said {moment:?}");
        let number = demo.id().to_string();
        let sent = Command::new("kill").args([signal, &number]).status();
        assert!(sent.is_ok_and(|status| status.success()));
        // Read on, so that it never waits for us.
        let rest: Vec<String> = lines.collect();
        let status = wait::until("the end of the demo", || demo.try_wait().expect("it is ours"));
        assert_eq!(status.code(), Some(0), "{signal} at {moment:?}: {rest:?}");
        let left: Vec<_> = fs::read_dir(folder.path()).expect("it is ours").collect();
        assert!(left.is_empty(), "{signal} at {moment:?} left {left:?}");
    }
}

#[test]
fn an_organisation_needs_a_whole_domain() {
    for domain in ["acme", "acme.", ".example", "bad domain.example", "-.example", "10.0.0.1", ""] {
        let folder = Folder::new();
        let directory = folder.path().join("new");
        let directory = directory.to_str().expect("a plain path");
        let outcome = chancery::chancery(&["init", domain, "--dir", directory], b"");
        assert_eq!(outcome.code, Some(2), "{domain:?}: {outcome:?}");
        assert!(!fs::exists(directory).expect("it can be looked at"), "{domain:?} left a folder");
    }
}

#[test]
fn a_relative_data_path_starts_at_the_configuration() {
    let folder = Folder::new();
    let path = |name: &str| folder.path().join(name).to_str().expect("a plain path").to_owned();
    let made = chancery::chancery(&["init", "acme.example", "--dir", &path("acme")], b"");
    assert_eq!(made.code, Some(0), "{made:?}");
    fs::rename(path("acme/data"), path("acme/elsewhere")).expect("the folder is ours");
    let file = path("acme/chancery.toml");
    let text = fs::read_to_string(&file).expect("init wrote it");
    fs::write(&file, text.replace("#data = \"data\"", "data = \"elsewhere\"")).expect("ours");
    fs::create_dir(path("other")).expect("the folder is ours");
    for (place, configuration) in [
        ("", "acme/chancery.toml"),
        ("acme", "chancery.toml"),
        ("acme", "./chancery.toml"),
        ("other", "../acme/chancery.toml"),
        ("other", file.as_str()),
    ] {
        let mut command = Command::new(chancery::binary());
        command.args(["--config", configuration, "queue", "list"]).current_dir(path(place));
        let output = command.output().expect("the binary starts");
        assert!(output.status.success(), "{place} {configuration}: {output:?}");
    }
    // Without --config, the file in the current folder.
    let mut command = Command::new(chancery::binary());
    let output = command.args(["queue", "list"]).current_dir(path("acme")).output();
    assert!(output.expect("the binary starts").status.success());
}

#[test]
fn certificates_lists_and_responses_are_shown() {
    let folder = Folder::new();
    let show = |bytes: &[u8], format: &str| {
        let file = folder.path().join("file");
        fs::write(&file, bytes).expect("the folder is ours");
        let mut command = Command::new(chancery::binary());
        let output = command.args(["cert", "show", "--format", format]).arg(&file).output();
        let output = output.expect("the binary starts");
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let (status, text) = show(include_bytes!("../../../../fuzz/seeds/crl/revoked"), "text");
    assert_eq!(status, Some(0));
    for line in
        ["crl\n", "  issuer            CN=ca,O=acme.example\n", "    reason  keyCompromise\n"]
    {
        assert!(text.contains(line), "{line:?} is not in {text}");
    }
    let (status, json) = show(include_bytes!("../../../../fuzz/seeds/ocsp/good"), "json");
    assert_eq!(status, Some(0));
    let all: serde_json::Value = serde_json::from_str(&json).expect("it is JSON");
    assert_eq!(all[0]["kind"], "ocsp");
    assert_eq!(all[0]["parts"][0]["status"], "good");
    assert_eq!(all[0]["parts"][1]["extended_key_usage"][0], "OCSPSigning");
    let (status, text) = show(b"hello", "text");
    assert_eq!((status, text.as_str()), (Some(2), ""));
}
