//! What real clients ask is understood, and what harvesters ask is refused.

use chancery_wire::ldap::{Dereference, Filter};
use proptest::prelude::*;

use super::*;

fn bases() -> Bases {
    Bases::new(&[], &["acme.example".to_owned()])
}

fn search(base: &str, scope: Scope, filter: &str) -> SearchRequest {
    SearchRequest {
        base: base.to_owned(),
        scope,
        dereference: Dereference::Never,
        size_limit: 0,
        time_limit: 0,
        types_only: false,
        filter: Filter::parse(filter).unwrap(),
        attributes: vec![],
    }
}

fn asked(filter: &str) -> Result<Vec<String>, u32> {
    match read(&search("", Scope::Subtree, filter), &bases(), 100) {
        Ok(Question::Mailboxes { wanted, .. }) => Ok(wanted.into_iter().map(|it| it.key).collect()),
        Ok(other) => panic!("{other:?}"),
        Err(refusal) => Err(refusal.code),
    }
}

#[test]
fn what_clients_send_is_understood() {
    for (filter, expected) in [
        // ldapsearch, Thunderbird, SEPPmail
        ("(mail=Ann@ACME.example)", &["ann@acme.example"][..]),
        ("(mail;lang-de=ann@acme.example)", &["ann@acme.example"]),
        // dirmngr 2.2.40, a bare address
        ("(|(sn=*a@b.example*)(|(cn=*a@b.example*)(mail=*a@b.example*)))", &["a@b.example"]),
        // Thunderbird, several recipients behind the filter of its address
        (
            "(&(objectclass=*)(|(mail=a@b.example)(mail=c@d.example)))",
            &["a@b.example", "c@d.example"],
        ),
        // Outlook, somebody who typed a whole address
        (
            "(&(mail=*)(|(mail=a@b.example*)(cn=a@b.example*)(sn=a@b.example*)(givenName=a@b.example*)(displayName=a@b.example*)))",
            &["a@b.example"],
        ),
        ("(&(objectCategory=person)(anr=a@b.example))", &["a@b.example"]),
        ("(proxyAddresses=SMTP:a@b.example)", &["a@b.example"]),
        ("(&(userCertificate;binary=*)(mail=a@b.example))", &["a@b.example"]),
        ("(mail~=a@b.example)", &["a@b.example"]),
        // Nobody has two addresses.
        ("(&(mail=a@b.example)(mail=c@d.example))", &[]),
        ("(|(mail=a@b.example)(mail=A@b.example))", &["a@b.example"]),
        ("(|)", &[]),
    ] {
        assert_eq!(asked(filter).unwrap(), expected, "{filter}");
    }
}

#[test]
fn what_is_no_full_address_is_refused() {
    for filter in [
        "(mail=*)",
        "(objectClass=*)",
        "(&)",
        "(mail=ann*)",
        "(mail=*@acme.example)",
        "(mail=a*@acme.example)",
        "(mail=*a*b*)",
        "(cn=Ann Lee)",
        "(|(sn=* user5*)(|(cn=* user5*)(mail=*user5*)))",
        "(!(mail=ann@acme.example))",
        "(&(mail=ann@acme.example)(!(cn=x)))",
        "(mail>=a@acme.example)",
        "(mail<=z@acme.example)",
        "(|(mail=ann@acme.example)(mail=*))",
        "(|(mail=ann@acme.example)(objectClass=person))",
        "(serialNumber=01)",
        "(userCertificate=\\30\\82)",
        "(telephoneNumber=ann@acme.example)",
        "(memberOf=*)",
        "(mail=@acme.example)",
        "(mail=ann@)",
        "(mail=ann@acme.example bob@acme.example)",
        "(mail=\\ff@acme.example)",
    ] {
        assert_eq!(asked(filter), Err(Outcome::UNWILLING), "{filter}");
    }
    let many: String = (0..101).map(|n| format!("(mail=a{n}@acme.example)")).collect();
    assert_eq!(asked(&format!("(|{many})")), Err(Outcome::ADMIN_LIMIT));
}

#[test]
fn names_lead_to_entries() {
    let bases = bases();
    let ask = |base: &str, scope| read(&search(base, scope, "(objectClass=*)"), &bases, 100);
    assert_eq!(ask("", Scope::Base), Ok(Question::Root));
    assert_eq!(ask("cn=Subschema", Scope::Base), Ok(Question::Schema));
    assert_eq!(ask("DC=acme,DC=example", Scope::Base), Ok(Question::Suffix("dc=acme,dc=example")));
    let authority = Question::Authority("cn=acme ca,o=acme".to_owned());
    assert_eq!(ask("CN=Acme CA,O=Acme", Scope::Base), Ok(authority));
    let name = "mail=ann@acme.example,dc=acme,dc=example";
    let Ok(Question::Mailboxes { wanted, is_by_name: true, .. }) = ask(name, Scope::Base) else {
        panic!()
    };
    assert_eq!(wanted[0].key, "ann@acme.example");
    for (base, scope) in [
        ("", Scope::Subtree),
        ("", Scope::OneLevel),
        ("dc=acme,dc=example", Scope::OneLevel),
        ("dc=acme,dc=example", Scope::Subtree),
        (name, Scope::Subtree),
    ] {
        assert_eq!(ask(base, scope).unwrap_err().code, Outcome::UNWILLING, "{base}");
    }
    let mail = |base: &str| read(&search(base, Scope::Subtree, "(mail=a@b.example)"), &bases, 9);
    assert_eq!(mail("o=Globex").unwrap_err().code, Outcome::NO_SUCH_OBJECT);
    assert!(mail("dc=example").is_ok() && mail("ou=people, dc=acme, dc=example").is_ok());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whatever the filter: it names each address in full that it may find.
    #[test]
    fn no_filter_finds_an_address_that_it_does_not_name(
        pieces in prop::collection::vec(
            prop::sample::select(vec![
                "(mail=*)", "(mail=a@b.example)", "(cn=a*)", "(&", "(|", "(!", ")", "(objectClass=*)",
                "(mail=*@b.example)", "(x=y)", "(mail=c@d.example)", "(mail>=a)",
            ]),
            1..12,
        ),
    ) {
        let text = pieces.concat();
        if let Ok(filter) = Filter::parse(&text) {
            let mut request = search("", Scope::Subtree, "(a=b)");
            request.filter = filter;
            if let Ok(Question::Mailboxes { wanted, .. }) = read(&request, &bases(), 100) {
                for it in wanted {
                    prop_assert!(text.contains(&it.key), "{text}: {}", it.key);
                }
            }
        }
    }
}
