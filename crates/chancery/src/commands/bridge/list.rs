//! `chancery bridge list` and `levels`: what there is, for people and programs.

use chancery_authority::assurance;
use chancery_store::bridge::{
    BridgeBook, CrossKind, CrossRow, JoinedBridge, MemberRow, MemberState, PeerRow, PeerTerms,
};
use serde::Serialize;

use super::read_levels;
use crate::cli::bridge::Levels;
use crate::failure::Result;
use crate::installation::{Installation, now_ms};
use crate::output::{Output, day, plain, table};

/// Our bridge and those that we have joined.
#[derive(Serialize)]
struct Shown {
    #[serde(skip_serializing_if = "Option::is_none")]
    bridge: Option<Bridge>,
    joined: Vec<Joined>,
}

#[derive(Serialize)]
struct Bridge {
    name: String,
    url: String,
    crl_until: String,
    members: Vec<Member>,
    peers: Vec<Peer>,
}

/// Another bridge that ours vouches for.
#[derive(Serialize)]
struct Peer {
    name: String,
    url: String,
    fingerprint: String,
    /// Both vouch for each other.
    is_mutual: bool,
    terms: PeerTerms,
    since: String,
    ends: Option<String>,
}

#[derive(Serialize)]
struct Member {
    name: String,
    fingerprint: String,
    state: MemberState,
    level: Option<String>,
    wanted: String,
    domains: Vec<String>,
    unproven: Vec<String>,
    since: Option<String>,
    ends: Option<String>,
    review: Option<String>,
}

#[derive(Serialize)]
struct Joined {
    name: String,
    url: String,
    fingerprint: String,
    is_member: bool,
    level: String,
    since: Option<String>,
    ends: Option<String>,
}

/// Lists members and bridges.
pub(super) fn run(installation: &Installation, output: Output) -> Result {
    let store = installation.store()?;
    let bridge = store.bridge()?.map(|book| bridge(&book));
    let joined = store.bridges()?.iter().map(joined).collect();
    let shown = Shown { bridge, joined };
    output.show(&shown, || text(&shown))
}

/// Shows the table of levels.
pub(super) fn levels(installation: &Installation, options: &Levels, output: Output) -> Result {
    let levels = read_levels(installation)?;
    output.show(&levels, || {
        if options.markdown {
            levels.markdown(assurance::day(now_ms() / 1000))
        } else {
            levels.to_string()
        }
    })
}

fn bridge(book: &BridgeBook) -> Bridge {
    Bridge {
        name: book.bridge.name.clone(),
        url: book.bridge.url.clone(),
        crl_until: day(book.bridge.crl_ends_ms / 1000),
        members: book.members.iter().map(|it| member(book, it)).collect(),
        peers: book.peers.iter().map(|it| peer(book, it)).collect(),
    }
}

fn peer(book: &BridgeBook, row: &PeerRow) -> Peer {
    let current = |kind| current(book, &row.fingerprint, kind);
    Peer {
        name: plain(&row.name),
        url: row.url.clone(),
        fingerprint: row.fingerprint.clone(),
        is_mutual: current(CrossKind::FromPeer).is_some(),
        terms: row.terms.clone(),
        since: day(row.since_ms / 1000),
        ends: current(CrossKind::ToPeer).map(|it| day(it.ends_ms / 1000)),
    }
}

/// Returns the newest cross-certificate of this kind that was not revoked.
fn current<'b>(book: &'b BridgeBook, fingerprint: &str, kind: CrossKind) -> Option<&'b CrossRow> {
    let mut its = book.crosses.iter().filter(|it| it.member == fingerprint && it.kind == kind);
    its.find(|it| it.revoked.is_none())
}

fn member(book: &BridgeBook, row: &MemberRow) -> Member {
    let days = |ms: Option<i64>| ms.map(|ms| day(ms / 1000));
    let cross = current(book, &row.fingerprint, CrossKind::ToMember);
    let unproven = row.domains.iter().filter(|it| it.proof.is_none());
    Member {
        name: plain(&row.name),
        fingerprint: row.fingerprint.clone(),
        state: row.state,
        level: row.level.clone(),
        wanted: row.wanted.clone(),
        domains: row.domains.iter().map(|it| it.domain.clone()).collect(),
        unproven: unproven.map(|it| it.domain.clone()).collect(),
        since: days(row.since_ms),
        ends: days(cross.map(|it| it.ends_ms)),
        review: days(row.review_at_ms),
    }
}

fn joined(row: &JoinedBridge) -> Joined {
    let days = |ms: Option<i64>| ms.map(|ms| day(ms / 1000));
    Joined {
        name: plain(&row.name),
        url: row.url.clone(),
        fingerprint: row.fingerprint.clone(),
        is_member: row.is_joined(),
        level: row.level.clone(),
        since: days(row.since_ms),
        ends: days(row.ends_ms),
    }
}

fn text(shown: &Shown) -> String {
    let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    let mut parts = Vec::new();
    if let Some(bridge) = &shown.bridge {
        let name = plain(&bridge.name);
        parts.push(format!("{name} at {}, revocation list until {}", bridge.url, bridge.crl_until));
        let rows: Vec<Vec<String>> = bridge
            .members
            .iter()
            .map(|it| {
                let level = it.level.clone().unwrap_or_else(|| format!("({})", plain(&it.wanted)));
                let state = match (it.state, it.unproven.is_empty()) {
                    (MemberState::Asked, true) => "proven",
                    (state, _) => state.word(),
                };
                vec![
                    it.name.clone(),
                    state.to_owned(),
                    level,
                    it.domains.join(" "),
                    or_dash(&it.ends),
                    or_dash(&it.review),
                    it.fingerprint.clone(),
                ]
            })
            .collect();
        let head = ["MEMBER", "STATE", "LEVEL", "DOMAINS", "UNTIL", "REVIEW", "FINGERPRINT"];
        parts.push(if rows.is_empty() { "no members yet".to_owned() } else { table(&head, &rows) });
        if !bridge.peers.is_empty() {
            let row = |it: &Peer| {
                let direction = if it.is_mutual { "both ways" } else { "ours only" };
                let until = or_dash(&it.ends);
                vec![
                    it.name.clone(),
                    direction.into(),
                    it.url.clone(),
                    until,
                    it.fingerprint.clone(),
                ]
            };
            let rows: Vec<Vec<String>> = bridge.peers.iter().map(row).collect();
            parts.push(table(
                &["OTHER BRIDGE", "VOUCHED", "ADDRESS", "UNTIL", "FINGERPRINT"],
                &rows,
            ));
        }
    }
    if !shown.joined.is_empty() {
        let rows: Vec<Vec<String>> = shown
            .joined
            .iter()
            .map(|it| {
                let state = if it.is_member { "joined" } else { "asked" };
                vec![
                    it.name.clone(),
                    state.to_owned(),
                    plain(&it.level),
                    it.url.clone(),
                    or_dash(&it.ends),
                    it.fingerprint.clone(),
                ]
            })
            .collect();
        parts.push(table(&["BRIDGE", "STATE", "LEVEL", "ADDRESS", "UNTIL", "FINGERPRINT"], &rows));
    }
    if parts.is_empty() {
        return "no bridge; `chancery bridge join FILE` asks one, `chancery bridge init NAME` makes one"
            .to_owned();
    }
    parts.join("\n\n")
}
