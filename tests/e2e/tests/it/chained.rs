//! Directories that pass questions on: from one organisation's inside to another one's outside, and in circles.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use chancery_e2e::chancery::{self, chancery_in, configure, section};
use chancery_e2e::place::{Folder, Port};

use crate::fetching::{Server, start};
use crate::finding::{find, only, person};

fn demand(folder: &Path, words: &str) {
    chancery_in(folder, words.split(' ')).demand(words);
}

/// A source in clear, asked with much patience.
fn source(name: &str, kind: &str, port: &Port, domain: &str) -> String {
    format!(
        "[[find.source]]\nname = \"{name}\"\nkind = \"{kind}\"\nurl = \"ldap://127.0.0.1:{}/\"\ntls = \"none\"\n\
         domains = [\"{domain}\"]\ntimeout = \"40s\"\n",
        port.number()
    )
}

/// An organisation that runs its directory and asks these sources.
fn organisation(folder: &Path, name: &str, ports: [&Port; 2], sources: &str) -> Server {
    demand(folder, &format!("init {name}.example --dir {name}"));
    let [outside, inside] = ports.map(|port| vec![port.address().to_string()]);
    configure(&folder.join(name), |settings| {
        let directory = section(settings, "directory");
        directory.insert("outside-listen".into(), outside.into());
        directory.insert("inside-listen".into(), inside.into());
        settings.extend(sources.parse::<toml::Table>().expect("it is TOML"));
    });
    if name == "globex" {
        person(folder, "bob", "bob@globex.example");
        let home = folder.join(name);
        demand(&home, "directory publish bob@globex.example --cert ../bob.pem");
    }
    let mut command = Command::new(chancery::binary());
    command.args(["serve", "--role", "directory"]);
    start(&folder.join(name), &mut command, ports[1].address())
}

#[test]
fn questions_reach_the_directory_that_knows_and_never_go_in_circles() {
    let place = Folder::new();
    let folder = place.path();
    let [acme_out, acme_in, globex_out, globex_in] = [(); 4].map(|()| Port::pick());
    let asked = [
        source("globex", "partner", &globex_out, "globex.example"),
        source("others", "bridge", &globex_in, "third.example"),
    ];
    let _acme = organisation(folder, "acme", [&acme_out, &acme_in], &asked.concat());
    let asked = source("others", "bridge", &acme_in, "third.example");
    let _globex = organisation(folder, "globex", [&globex_out, &globex_in], &asked);

    let ours = source("ours", "directory", &acme_in, "*");
    let (status, answer) = find(folder, &ours, "bob@globex.example");
    assert_eq!(status, Some(0), "{answer}");
    assert_eq!(only(&answer, "candidates")["for_mailbox"], "bob@globex.example", "{answer}");
    let (status, answer) = find(folder, &ours, "eve@globex.example");
    assert_eq!((status, &answer["unanswered"]), (Some(1), &serde_json::json!([])), "{answer}");
    // The directories themselves would wait for fifteen seconds. Each of the two believes that the other one knows; whoever is asked again notices.
    let begun = Instant::now();
    let (status, answer) = find(folder, &ours, "zoe@third.example");
    assert_eq!((status, &answer["candidates"]), (Some(1), &serde_json::json!([])), "{answer}");
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
}
