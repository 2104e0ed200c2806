//! Tests of the command grammar.

use proptest::prelude::*;

use super::*;

fn address(line: &str) -> Result<String, Mistake> {
    parse(line.as_bytes()).map(|command| match command {
        Command::Mail(mail) => mail.address,
        Command::Rcpt(recipient) => recipient.address,
        other => panic!("{other:?}"),
    })
}

#[test]
fn addresses_are_taken_as_written() {
    for (line, expected) in [
        ("MAIL FROM:<>", ""),
        ("MAIL FROM:<a@example.com>", "a@example.com"),
        ("mail from:<A.b+c@Example.COM>", "A.b+c@Example.COM"),
        ("MAIL FROM: <a@example.com> ", "a@example.com"),
        ("RCPT TO:<postmaster>", "postmaster"),
        ("RCPT TO:<PostMaster>", "PostMaster"),
        ("RCPT TO:<@a.example,@b.example:c@d.example>", "c@d.example"),
        ("RCPT TO:<\"a b>@\\\"\"@example.com>", "\"a b>@\\\"\"@example.com"),
        ("RCPT TO:<a@[192.0.2.1]>", "a@[192.0.2.1]"),
        ("RCPT TO:<a@[IPv6:2001:db8::1]>", "a@[IPv6:2001:db8::1]"),
        ("RCPT TO:<用户@例子.example>", "用户@例子.example"),
        ("RCPT TO:<a@localhost>", "a@localhost"),
    ] {
        assert_eq!(address(line).as_deref(), Ok(expected), "{line}");
    }
}

#[test]
fn what_is_no_address_is_refused() {
    for path in [
        "",
        "<",
        "<a",
        "a@example.com",
        "<a@>",
        "<@example.com>",
        "<a>",
        "<a@b@c>",
        "<a b@example.com>",
        "<a..b@example.com>",
        "<.a@example.com>",
        "<a.@example.com>",
        "<a@example..com>",
        "<a@-example.com>",
        "<a@example.com.>",
        "<a@exam ple.com>",
        "<\"a@example.com>",
        "<a@[300.0.0.1]>",
        "<a@[IPv6:zz]>",
        "<a@[]>",
        "<a@example.com>x",
        "<<a@example.com>>",
        "<a@example.com",
        "<a\u{7f}@example.com>",
        "<a@example.com\0>",
        "<a@exam\tple.com>",
    ] {
        assert!(address(&format!("RCPT TO:{path}")).is_err(), "{path}");
        assert!(address(&format!("MAIL FROM:{path}")).is_err(), "{path}");
    }
    assert!(address("RCPT TO:<>").is_err(), "the null path is no recipient");
    assert!(address(&format!("RCPT TO:<{}@example.com>", "a".repeat(65))).is_err());
    assert!(address(&format!("RCPT TO:<a@{}>", ["a"; 130].join("."))).is_err());
}

#[test]
fn parameters_of_mail_are_read() {
    let line =
        b"MAIL FROM:<a@example.com> SIZE=1000 BODY=8bitmime SMTPUTF8 RET=HDRS ENVID=x+2By AUTH=<>";
    let Ok(Command::Mail(mail)) = parse(line) else { panic!() };
    let expected = MailFrom {
        address: "a@example.com".into(),
        size: Some(1000),
        body: BodyKind::EightBitMime,
        smtputf8: true,
        ret: Some(Return::Headers),
        envid: Some("x+2By".into()),
    };
    assert_eq!(mail, expected);
}

#[test]
fn parameters_of_rcpt_are_read() {
    let Ok(Command::Rcpt(recipient)) =
        parse(b"RCPT TO:<a@example.com> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;b+40c")
    else {
        panic!()
    };
    assert_eq!(recipient.notify, Some(Notify { success: true, failure: false, delay: true }));
    assert_eq!(recipient.orcpt.as_deref(), Some("rfc822;b+40c"));
    let Ok(Command::Rcpt(recipient)) = parse(b"RCPT TO:<a@example.com> NOTIFY=NEVER") else {
        panic!()
    };
    assert!(recipient.notify.unwrap().is_never());
}

#[test]
fn wrong_parameters_are_refused() {
    for (parameters, mistake) in [
        ("FOO", Mistake::Parameter),
        ("FOO=BAR", Mistake::Parameter),
        ("BODY=BINARYMIME", Mistake::Parameter),
        ("SMTPUTF8=1", Mistake::Parameter),
        ("SIZE", Mistake::Parameter),
        ("SIZE=x", Mistake::Syntax("SIZE is not a number")),
        ("SIZE=-1", Mistake::Syntax("SIZE is not a number")),
        ("SIZE=1 SIZE=2", Mistake::Syntax("a parameter is given twice")),
        ("RET=ALL", Mistake::Syntax("RET is FULL or HDRS")),
        ("ENVID=a=b", Mistake::Syntax("ENVID is not xtext")),
        ("NOTIFY=NEVER", Mistake::Parameter),
    ] {
        assert_eq!(
            parse(format!("MAIL FROM:<> {parameters}").as_bytes()),
            Err(mistake),
            "{parameters}"
        );
    }
    for parameters in [
        "NOTIFY=NEVER,SUCCESS",
        "NOTIFY=",
        "ORCPT=rfc822",
        "ORCPT=;a",
        "ORCPT=rfc822;a+zz",
        "SIZE=1",
    ] {
        assert!(
            parse(format!("RCPT TO:<a@b.example> {parameters}").as_bytes()).is_err(),
            "{parameters}"
        );
    }
    let Ok(Command::Mail(mail)) = parse(b"MAIL FROM:<> SIZE=99999999999999999999") else {
        panic!()
    };
    assert_eq!(mail.size, Some(u64::MAX));
}

#[test]
fn other_commands_are_told_apart() {
    for (line, expected) in [
        ("ehlo a.example", Ok(Command::Ehlo("a.example"))),
        ("HELO [192.0.2.1]", Ok(Command::Helo("[192.0.2.1]"))),
        ("LHLO x", Ok(Command::Lhlo("x"))),
        ("EHLO", Err(Mistake::Syntax("your host name is missing"))),
        ("EHLO a b", Err(Mistake::Syntax("that is not a host name"))),
        ("EHLO a(b)", Err(Mistake::Syntax("that is not a host name"))),
        ("data", Ok(Command::Data)),
        ("DATA x", Err(Mistake::Syntax("no argument allowed"))),
        ("BDAT 12", Ok(Command::Bdat { size: 12, is_last: false })),
        ("BDAT 0 last", Ok(Command::Bdat { size: 0, is_last: true })),
        ("BDAT", Err(Mistake::Syntax("a size is needed"))),
        ("BDAT -1", Err(Mistake::Syntax("a size is needed"))),
        ("BDAT 1 FIRST", Err(Mistake::Syntax("only LAST may follow the size"))),
        ("BDAT 1 LAST x", Err(Mistake::Syntax("only LAST may follow the size"))),
        (
            "AUTH PLAIN AGEAYg==",
            Ok(Command::Auth { mechanism: "PLAIN", initial: Some("AGEAYg==") }),
        ),
        ("AUTH LOGIN", Ok(Command::Auth { mechanism: "LOGIN", initial: None })),
        ("AUTH", Err(Mistake::Syntax("a mechanism is needed"))),
        ("NOOP whatever", Ok(Command::Noop)),
        ("VRFY joe", Ok(Command::Vrfy)),
        ("STARTTLS", Ok(Command::StartTls)),
        ("QUIT ", Ok(Command::Quit)),
        ("", Err(Mistake::Unknown)),
        ("XYZZY", Err(Mistake::Unknown)),
        ("MAILFROM:<>", Err(Mistake::Unknown)),
        ("POST / HTTP/1.1", Err(Mistake::Foreign)),
    ] {
        assert_eq!(parse(line.as_bytes()), expected, "{line}");
    }
    assert_eq!(parse(b"NOOP \xff"), Err(Mistake::Unreadable));
    assert_eq!(parse(b"NOOP \0"), Err(Mistake::Unreadable));
    assert_eq!(parse(b"NOOP \r"), Err(Mistake::Unreadable));
}

proptest! {
    #[test]
    fn any_line_is_answered(line in prop::collection::vec(any::<u8>(), 0..200)) {
        drop(parse(&line));
    }

    #[test]
    fn any_argument_is_answered(verb in "MAIL FROM:|RCPT TO:|EHLO |BDAT |AUTH ", argument in "\\PC{0,80}") {
        drop(parse(format!("{verb}{argument}").as_bytes()));
    }

    #[test]
    fn an_accepted_address_is_accepted_again(argument in "<[a-z\"\\\\.@<> \\[\\]:ü-]{1,20}>") {
        if let Ok(Command::Rcpt(recipient)) = parse(format!("RCPT TO:{argument}").as_bytes()) {
            prop_assert!(is_address(&recipient.address));
        }
    }
}
