//! One address for one mailbox: what can be read in two ways is not read at all.

use proptest::prelude::*;

use super::{
    Address, LocalPart, MAX_MISLEADING, Mailbox, authors, normal_domain, parse_mailbox_list,
    parse_mailboxes,
};
use crate::header::HeaderBlock;

fn address(text: &str) -> Address {
    Address::parse(text).unwrap()
}

fn entries(value: &str) -> Vec<(String, String)> {
    parse_mailboxes(value.as_bytes())
        .into_iter()
        .map(|m| (m.display, m.address.to_string()))
        .collect()
}

#[test]
fn smtp_addresses_are_read() {
    for (text, local, domain, written) in [
        ("a@b.example", "a", "b.example", "a@b.example"),
        ("A.b+c@B.Example", "A.b+c", "b.example", "A.b+c@b.example"),
        ("a..b.@b.example", "a..b.", "b.example", "a..b.@b.example"),
        ("\"a b\"@b.example", "a b", "b.example", "\"a b\"@b.example"),
        ("\"a\"@b.example", "a", "b.example", "a@b.example"),
        ("\"a@b\\\"c\\\\\"@b.example", "a@b\"c\\", "b.example", "\"a@b\\\"c\\\\\"@b.example"),
        ("a@[192.0.2.1]", "a", "[192.0.2.1]", "a@[192.0.2.1]"),
        ("a@[IPv6:2001:DB8::1]", "a", "[ipv6:2001:db8::1]", "a@[ipv6:2001:db8::1]"),
        ("j\u{f6}rg@B\u{dc}cher.example", "jörg", "bücher.example", "jörg@bücher.example"),
        ("a@x_y.example", "a", "x_y.example", "a@x_y.example"),
    ] {
        let parsed = address(text);
        assert_eq!((parsed.local(), parsed.domain()), (local, domain), "{text}");
        assert_eq!(parsed.to_string(), written);
        assert_eq!(address(written), parsed);
    }
}

#[test]
fn what_two_programs_could_read_differently_is_refused() {
    for text in [
        "",
        "a",
        "@",
        "a@",
        "@b",
        "a@b@c",
        "a b@c",
        " a@b",
        "a@b ",
        "a@ b",
        "a\t@b",
        "a@b\0",
        "a\0@b",
        "a@b\r\nRCPT TO:<x@y>",
        "a@b..c",
        "a@.b",
        "a@b.",
        "<a@b>",
        "a@b>",
        "a,b@c",
        "a;b@c",
        "a:b@c",
        "(c)a@b",
        "a(c)@b",
        "a@b(c)",
        "a\\@b@c",
        "\"a@b",
        "\"\"@b",
        "\"a\"b@c",
        "\"a\nb\"@c",
        "\"a\u{200b}b\"@c",
        "a\u{a0}@b",
        "a\u{200b}@b",
        "a\u{202e}@b",
        "a@b\u{ad}.example",
        "a@\u{ff41}cme.example",
        "a@acme\u{3002}example",
        "a@[1.2.3]",
        "a@[1.2.3.4",
        "a@[IPv6:x]",
        "a@b/c",
        "a@b%c",
        "a\u{fffd}@b",
    ] {
        assert!(Address::parse(text).is_err(), "{text:?}");
    }
    assert!(Address::parse(&format!("{}@b", "a".repeat(257))).is_err());
    assert!(Address::parse(&format!("a@{}", "b".repeat(64))).is_err());
    assert!(Address::parse(&format!("a@{}", ["b"; 200].join("."))).is_err());
}

#[test]
fn the_same_mailbox_is_the_same_local_part_and_domain() {
    assert!(address("a@B.example").same_mailbox(&address("a@b.EXAMPLE")));
    assert!(address("\"a\"@b.example").same_mailbox(&address("a@b.example")));
    assert!(address("a@b\u{fc}cher.example").same_mailbox(&address("a@XN--Bcher-kva.example")));
    assert!(!address("A@b.example").same_mailbox(&address("a@b.example")));
    assert!(
        address("A@b.example").same_mailbox_by(&address("a@b.example"), LocalPart::IgnoreAsciiCase)
    );
    assert!(
        !address("\u{c4}@b.example")
            .same_mailbox_by(&address("\u{e4}@b.example"), LocalPart::IgnoreAsciiCase)
    );
    assert!(!address("a@b.example").same_mailbox(&address("a@xb.example")));
    assert_eq!(normal_domain("B\u{fc}cher.Example."), "xn--bcher-kva.example");
}

#[test]
fn lists_groups_comments_and_quotes_are_read() {
    for (value, wanted) in [
        ("a@b.example", vec![("", "a@b.example")]),
        (" Ann <a@b.example> ", vec![("Ann", "a@b.example")]),
        (
            "Ann Lee <a@b.example>, <c@d.example>",
            vec![("Ann Lee", "a@b.example"), ("", "c@d.example")],
        ),
        ("\"Lee, Ann\" <a@b.example>", vec![("Lee, Ann", "a@b.example")]),
        ("a@b.example (Ann (of the Lees))", vec![("Ann (of the Lees)", "a@b.example")]),
        (
            "Team: a@b.example, c@d.example;, e@f.example",
            vec![("", "a@b.example"), ("", "c@d.example"), ("", "e@f.example")],
        ),
        ("undisclosed-recipients:;", vec![]),
        (",a@b.example,,", vec![("", "a@b.example")]),
        ("J. R. <a@b.example>", vec![("J. R.", "a@b.example")]),
        ("a@b.example <a@b.example>", vec![("a@b.example", "a@b.example")]),
        ("=?utf-8?Q?J=C3=B6rg?= <a@b.example>", vec![("Jörg", "a@b.example")]),
        ("\"a b\"@c.example", vec![("", "\"a b\"@c.example")]),
        ("Ann\r\n <a@b.example>", vec![("Ann", "a@b.example")]),
        ("<a@[192.0.2.1]>", vec![("", "a@[192.0.2.1]")]),
    ] {
        let wanted: Vec<_> =
            wanted.into_iter().map(|(d, a)| (d.to_owned(), a.to_owned())).collect();
        assert_eq!(entries(value), wanted, "{value}");
        assert_eq!(parse_mailbox_list(value.as_bytes()).problems, [], "{value}");
    }
}

#[test]
fn deceptive_entries_bind_to_nobody_else() {
    // Each names boss@acme.example to a careless reader; none may come back as it.
    for (value, wanted) in [
        ("\"boss@acme.example\" <eve@evil.example>", Some("eve@evil.example")),
        ("(boss@acme.example) eve@evil.example", Some("eve@evil.example")),
        ("eve@evil.example (boss@acme.example)", Some("eve@evil.example")),
        ("=?utf-8?Q?boss=40acme=2Eexample?= <eve@evil.example>", Some("eve@evil.example")),
        ("=?utf-8?Q?=3Cboss=40acme=2Eexample=3E?= <eve@evil.example>", Some("eve@evil.example")),
        ("\"boss@acme.example\"@evil.example", Some("\"boss@acme.example\"@evil.example")),
        ("boss@acme.example <eve@evil.example>", None),
        ("<boss@acme.example> <eve@evil.example>", None),
        ("<boss@acme.example> eve@evil.example", None),
        ("boss@acme.example eve@evil.example", None),
        ("boss @acme.example", None),
        ("boss@ acme.example", None),
        ("boss@acme. example", None),
        ("boss@acme(x).example", None),
        ("eve boss@acme.example", None),
        ("<eve boss@acme.example>", None),
        ("<@evil.example:boss@acme.example>", None),
        ("<boss@acme.example", None),
        ("boss@acme.example>", None),
        ("boss@acme.example\0@evil.example", None),
        ("boss@acme.example\r\n", None),
        ("boss@acme.example\rFrom: eve@evil.example", None),
        ("boss@acme.example\u{200b}", None),
        ("=?utf-8?Q?boss?=@acme.example", None),
        ("<=?utf-8?Q?boss=40acme=2Eexample?=@evil.example>", None),
        ("boss@acme.example\"", None),
        ("boss@acme.example (", None),
        ("a: b: boss@acme.example;;", Some("boss@acme.example")),
    ] {
        let list = parse_mailbox_list(value.as_bytes());
        let found: Vec<_> =
            list.mailboxes.iter().map(|mailbox| mailbox.address.to_string()).collect();
        assert_eq!(found, wanted.into_iter().collect::<Vec<_>>(), "{value:?}");
        let header = format!("From: {value}\r\n\r\n");
        let authors = authors(&HeaderBlock::parse(header.as_bytes()));
        let is_boss = authors.is_ok_and(|authors| {
            authors.iter().any(|author| author.address == address("boss@acme.example"))
        });
        assert!(!is_boss || value == "boss@acme.example\r\n", "{value:?}");
    }
}

fn shown(value: &str) -> Vec<String> {
    let list = parse_mailbox_list(value.as_bytes());
    assert_eq!(list.problems, vec![], "{value}");
    let all = list.mailboxes.iter().flat_map(Mailbox::misleading_addresses);
    all.map(|address| address.to_string()).collect()
}

#[test]
fn another_address_that_is_shown_is_noticed() {
    for value in [
        "\"Boss (boss@acme.example)\" <eve@evil.example>",
        "=?utf-8?Q?boss=40acme=2Eexample?= <eve@evil.example>",
        "\"eve@evil.example, boss@acme.example\" <eve@evil.example>",
        "\"eve@evil.example boss@acme.example\" <eve@evil.example>",
        "\"boss@acme.example.\" <eve@evil.example>",
        "\"|boss@acme.example|\" <eve@evil.example>",
        "\"{boss@acme.example}\" <eve@evil.example>",
        "\"'boss'@acme.example\" <eve@evil.example>",
        "\"<boss@acme.example>\" <eve@evil.example>",
        "\"mailto:boss@acme.example\" <eve@evil.example>",
        "\"bo\u{200b}ss\u{2060}@ac\u{ad}me.example\" <eve@evil.example>",
        "\"\u{202a}boss@acme.example\u{202c}\" <eve@evil.example>",
        "\"boss @ acme.example\" <eve@evil.example>",
        "\"boss@ acme.example\" <eve@evil.example>",
        "\"boss\u{a0}@acme.example\" <eve@evil.example>",
        "\"boss@acme .example\" <eve@evil.example>",
        "\"boss@acme. example\" <eve@evil.example>",
        "\"boss\u{ff20}acme\u{ff0e}example\" <eve@evil.example>",
        "\"boss@acme\u{2024}example\" <eve@evil.example>",
        "\"boss[at]acme.example\" <eve@evil.example>",
        "\"=?utf-8?Q?=3D=3Futf-8=3FQ=3Fboss=3D40acme.example=3F=3D?=\" <eve@evil.example>",
        "eve@evil.example (boss@acme.example)",
        "(boss@acme.example) eve@evil.example",
        "(boss@acme.example) (x) Eve <eve@evil.example>",
        "Eve (x) (boss@acme.example) (y) <eve@evil.example>",
        "Eve <eve@evil.example> (boss@acme.example) (y)",
        "Eve <eve@evil.example>, (boss@acme.example) Eve <eve@evil.example>",
        "\"boss@acme.example\": eve@evil.example;",
        "=?utf-8?Q?boss=40acme.example?=: Eve <eve@evil.example>, Eve <eve@evil.example>;",
        "\"boss@acme.example\"@evil.example",
        "Eve <\"boss@acme.example \"@evil.example>",
    ] {
        let found = shown(value);
        assert!(
            !found.is_empty() && found.iter().all(|it| it == "boss@acme.example"),
            "{value}: {found:?}"
        );
    }
    assert_eq!(
        shown("\"b\u{43e}ss@acme.example\" <boss@acme.example>"),
        ["b\u{43e}ss@acme.example"]
    );
    let many: String = (0..100).map(|number| format!("a{number}@acme.example ")).collect();
    assert_eq!(shown(&format!("\"{many}\" <eve@evil.example>")).len(), MAX_MISLEADING);
}

#[test]
fn ordinary_names_are_left_alone() {
    for value in [
        "\"Eve@evil.example\" <eve@evil.example>",
        "\"eve@EVIL.example\" <eve@evil.example>",
        "\"'eve@evil.example'\" <eve@evil.example>",
        "\"_eve@evil.example\" <_eve@evil.example>",
        "eve@evil.example <eve@evil.example>",
        "\"Eve @ home\" <eve@evil.example>",
        "\"O'Neil, Jr. (Sales) @ Acme\" <oneil@acme.example>",
        "\"O'Neil (Sales) @ Acme Inc.\" <oneil@mail.example>",
        "\"Hotel Astoria @ Booking.com\" <noreply@guest.booking.com>",
        "\"Ann @ Acme.example\" <ann@acme.example>",
        "\"Ann @acme\" <ann@mail.example>",
        "\"Dr. A. Lee (a.lee) v2.0 @ 3.5\" <lee@acme.example>",
        "\"J\u{f6}rg M\u{fc}ller | Acme\" <joerg@acme.example>",
        "=?utf-8?B?5bGx55Sw5aSq6YOO?= (Yamada) <yamada@acme.example>",
        "Sales: ann@acme.example, bob@acme.example;",
        "\"O'Neil\"@acme.example",
        "o'neil@acme.example (Pat O'Neil @ work)",
        "\"Acme <sales>\" <sales@acme.example>",
        "\"@handle\" <handle@acme.example>",
        "\"Lunch @ 12.30\" <canteen@acme.example>",
    ] {
        assert_eq!(shown(value), Vec::<String>::new(), "{value}");
    }
}

#[test]
fn long_names_take_linear_time() {
    for piece in ["@", "a@", "@a", " @ ", "a.@ .a", "(at)", "a@b.example "] {
        let many = piece.repeat(200_000 / piece.len());
        shown(&format!("\"{many}\" <eve@evil.example>"));
    }
    let members = "a@b.example,".repeat(20_000);
    let group = format!("\"{}\": {members};", "x".repeat(500_000));
    assert_eq!(parse_mailboxes(group.as_bytes()).len(), 20_000);
}

#[test]
fn a_message_has_authors_only_if_its_from_is_clear() {
    let authors =
        |header: &str| authors(&HeaderBlock::parse(header.as_bytes())).map(|authors| authors.len());
    assert_eq!(authors("From: a@b.example\r\n"), Ok(1));
    assert_eq!(authors("From: team: a@b.example, c@d.example;\r\n"), Ok(2));
    assert_eq!(
        authors("From a@b Thu Jan  1 00:00:00 1970\r\nFROM : a@b.example,\r\n c@d.example\r\n"),
        Ok(2)
    );
    for header in [
        "To: a@b.example\r\n",
        "From:\r\n",
        "From: nobody:;\r\n",
        "From: \"boss@bank.example\":;, a@b.example\r\n",
        "From: a@b.example, boss:;\r\n",
        "From: a@b.example\r\nFrom: c@d.example\r\n",
        "From: a@b.example\r\nfrom : c@d.example\r\n",
        "From: a@b.example\r\nSubject: x\rFrom: c@d.example\r\n",
        "From: a@b.example\r\nFrom\0: c@d.example\r\n",
        " From: a@b.example\r\nFrom: c@d.example\r\n",
        "From: a@b.example, c d@e.example\r\n",
        "Sender: a@b.example\r\n From: a@b.example\r\n",
    ] {
        assert!(authors(header).is_err(), "{header:?}");
    }
}

#[test]
fn bytes_that_are_not_utf8_spoil_addresses_only() {
    let list = parse_mailbox_list(b"M\xfcller <a@b.example>, <\xfc@b.example>");
    assert_eq!(list.mailboxes.len(), 1);
    assert_eq!(list.problems.len(), 1);
}

#[test]
fn depth_and_length_do_no_harm() {
    let deep = format!("{}x{} a@b.example", "(".repeat(200_000), ")".repeat(200_000));
    assert_eq!(entries(&deep), [(String::new(), "a@b.example".to_owned())]);
    let groups = "a:".repeat(100_000);
    assert!(parse_mailboxes(groups.as_bytes()).is_empty());
    let many = "a@b.example,".repeat(50_000);
    assert_eq!(parse_mailboxes(many.as_bytes()).len(), 50_000);
    assert_eq!(parse_mailbox_list(&vec![b'a'; 2 << 20]).problems.len(), 1);
}

proptest! {
    #[test]
    fn an_address_comes_back(local in "[ -~\u{e4}]{1,30}", domain in "[A-Za-z0-9\u{fc}_-]{1,20}(\\.[a-z0-9]{1,9}){0,3}") {
        let quoted = local.replace('\\', "\\\\").replace('"', "\\\"");
        let parsed = Address::parse(&format!("\"{quoted}\"@{domain}")).unwrap();
        prop_assert_eq!(parsed.local(), &local);
        prop_assert_eq!(&Address::parse(&parsed.to_string()).unwrap(), &parsed);
        let value = format!("Name <{parsed}>, {parsed} (comment)");
        let list = parse_mailbox_list(value.as_bytes());
        let is_word = local.contains("=?") && local.contains("?=");
        if !is_word {
            prop_assert_eq!(list.problems, vec![]);
            prop_assert!(list.mailboxes.len() == 2 && list.mailboxes.iter().all(|mailbox| mailbox.address == parsed));
        }
    }

    #[test]
    fn rubbish_never_panics(text in "\\PC{0,60}", bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(parsed) = Address::parse(&text) {
            prop_assert!(parsed.to_string().chars().all(|c| c == ' ' || !super::is_deceptive(c)));
        }
        for mailbox in parse_mailboxes(&bytes) {
            prop_assert_eq!(&Address::parse(&mailbox.address.to_string()).unwrap(), &mailbox.address);
        }
        let _authors = authors(&HeaderBlock::parse(&bytes));
    }

    #[test]
    fn structured_rubbish_never_panics(value in "[a@.,;:<>()\"\\\\\\[\\] \r\n\t\0]{0,40}") {
        for mailbox in parse_mailboxes(value.as_bytes()) {
            prop_assert_eq!(&Address::parse(&mailbox.address.to_string()).unwrap(), &mailbox.address);
        }
    }
}
