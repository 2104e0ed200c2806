//! What is written is read, and nothing else is.

use proptest::prelude::*;

use super::*;
use crate::ldap::{Attribute, Authentication, BindRequest, Dereference, Filter, Password, Scope};

fn texts() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec(".{0,12}", 0..4)
}

fn outcome() -> impl Strategy<Value = Outcome> {
    (0..200_u32, ".{0,20}", ".{0,200}").prop_map(|(code, matched, text)| Outcome {
        code,
        matched,
        text,
    })
}

fn request() -> impl Strategy<Value = SearchRequest> {
    let scopes = prop::sample::select(vec![Scope::Base, Scope::OneLevel, Scope::Subtree]);
    let aliases = prop::sample::select(vec![
        Dereference::Never,
        Dereference::Searching,
        Dereference::Finding,
        Dereference::Always,
    ]);
    let limit = 0..=i32::MAX.cast_unsigned();
    (".{0,40}", scopes, aliases, limit.clone(), limit, any::<bool>(), "[a-z]{1,9}", texts())
        .prop_map(
            |(base, scope, dereference, size_limit, time_limit, types_only, name, attributes)| {
                let filter = Filter::equal(&name, base.as_bytes());
                SearchRequest {
                    base,
                    scope,
                    dereference,
                    size_limit,
                    time_limit,
                    types_only,
                    filter,
                    attributes,
                }
            },
        )
}

fn entry() -> impl Strategy<Value = SearchEntry> {
    let values = prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..3);
    let attribute = ("[a-zA-Z;]{0,12}", values)
        .prop_map(|(description, values)| Attribute { description, values });
    (".{0,40}", prop::collection::vec(attribute, 0..4))
        .prop_map(|(name, attributes)| SearchEntry { name, attributes })
}

fn value() -> impl Strategy<Value = Option<Vec<u8>>> {
    prop::option::of(prop::collection::vec(any::<u8>(), 0..40))
}

fn extended() -> impl Strategy<Value = (String, Option<Vec<u8>>)> {
    ("[0-9.]{0,20}", value())
}

fn bind() -> impl Strategy<Value = BindRequest> {
    let authentication = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..20)
            .prop_map(|it| Authentication::Simple(Password(it))),
        "[A-Z-]{0,9}".prop_map(Authentication::Sasl),
        Just(Authentication::Other(0x84)),
    ];
    (0..200_u32, ".{0,30}", authentication)
        .prop_map(|(version, name, authentication)| BindRequest { version, name, authentication })
}

fn message() -> impl Strategy<Value = Message> {
    let operation = prop_oneof![
        (0..=i32::MAX.cast_unsigned()).prop_map(Operation::Abandon),
        bind().prop_map(Operation::Bind),
        outcome().prop_map(Operation::BindDone),
        extended().prop_map(|(name, value)| {
            Operation::ExtendedRequest(ExtendedRequest { name, value })
        }),
        (outcome(), prop::option::of(extended())).prop_map(|(outcome, more)| {
            let (name, value) = more.map_or((None, None), |(name, value)| (Some(name), value));
            Operation::Extended(ExtendedResponse { outcome, name, value })
        }),
        prop::sample::select(&Foreign::ALL).prop_map(Operation::Foreign),
        (prop::sample::select(&Foreign::ALL), outcome())
            .prop_map(|(foreign, outcome)| Operation::ForeignDone(foreign, outcome)),
        outcome().prop_map(Operation::SearchDone),
        entry().prop_map(Operation::SearchEntry),
        texts().prop_map(Operation::SearchReference),
        request().prop_map(Operation::SearchRequest),
        Just(Operation::Unbind),
    ];
    let control = ("[0-9.]{0,20}", any::<bool>(), value())
        .prop_map(|(kind, is_critical, value)| Control { kind, is_critical, value });
    (0..=i32::MAX.cast_unsigned(), operation, prop::collection::vec(control, 0..4))
        .prop_map(|(id, operation, controls)| Message { id, operation, controls })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn what_is_written_is_read(message in message()) {
        let ber = message.to_ber();
        prop_assert_eq!(length_of_first(&ber), Ok(Some(ber.len())));
        prop_assert_eq!(Message::from_ber(&ber), Ok(message));
    }

    #[test]
    fn a_part_is_never_a_whole(message in message(), cut in any::<prop::sample::Index>()) {
        let ber = message.to_ber();
        let part = &ber[..cut.index(ber.len())];
        prop_assert!(Message::from_ber(part).is_err());
        let length = length_of_first(part).unwrap();
        prop_assert!(length.is_none_or(|length| length == ber.len()));
    }

    #[test]
    fn any_octets_are_read_or_refused(octets in prop::collection::vec(any::<u8>(), 0..200), at in 0..40_usize, message in message()) {
        drop(Message::from_ber(&octets));
        let mut ber = message.to_ber();
        let place = at % ber.len();
        ber[place] ^= octets.first().copied().unwrap_or(1);
        drop(Message::from_ber(&ber));
    }
}

#[test]
fn lengths_beyond_ldap_are_refused() {
    for (octets, expected) in [
        (&[][..], Ok(None)),
        (&[0x30], Ok(None)),
        (&[0x30, 0x82, 0x01], Ok(None)),
        (&[0x30, 0x05], Ok(Some(7))),
        (&[0x30, 0x84, 0, 0, 1, 0], Ok(Some(262))),
    ] {
        assert_eq!(length_of_first(octets), expected, "{octets:?}");
    }
    for octets in [&[0x02, 0x01][..], &[0x30, 0x80], &[0x30, 0x85, 0, 0, 0, 0, 1], b"HTTP/1.1"] {
        assert!(length_of_first(octets).is_err(), "{octets:?}");
    }
    assert!(Message::from_ber(&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff]).is_err());
    // The number of a message is at most 2147483647.
    assert!(Message::from_ber(&[0x30, 8, 2, 5, 0, 0x80, 0, 0, 0, 0x42, 0]).is_err());
    assert!(Message::from_ber(&[0x30, 5, 2, 1, 0xff, 0x42, 0]).is_err());
    assert!(Message::from_ber(&[0x30, 4, 2, 0, 0x42, 0]).is_err());
}

#[test]
fn values_are_found_whatever_the_options() {
    let attribute = |description: &str, value: u8| Attribute {
        description: description.to_owned(),
        values: vec![vec![value]],
    };
    let attributes = vec![
        attribute("CACertificate;binary", 1),
        attribute("cn", 2),
        attribute("cacertificate", 3),
    ];
    let entry = SearchEntry { name: String::new(), attributes };
    assert_eq!(entry.values_of("cACertificate").collect::<Vec<_>>(), [[1], [3]]);
}
