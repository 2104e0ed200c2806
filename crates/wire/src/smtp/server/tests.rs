//! Tests of the server's machine: dialogues as tables, and properties.

use proptest::prelude::*;

use super::*;

/// A driver that says yes to everything but what names itself.
struct Dialogue {
    session: Session,
    output: String,
    /// What a handler would see.
    log: Vec<String>,
    body: Vec<u8>,
    now: u64,
    is_closed: bool,
}

impl Dialogue {
    fn new(config: Config) -> Self {
        let mut dialogue = Self {
            session: Session::new(config),
            output: String::new(),
            log: Vec::new(),
            body: Vec::new(),
            now: 0,
            is_closed: false,
        };
        dialogue.flush();
        dialogue.output.clear();
        dialogue
    }

    fn flush(&mut self) -> bool {
        let had_output = !self.session.output().is_empty();
        self.output.push_str(std::str::from_utf8(self.session.output()).unwrap());
        self.session.clear_output();
        had_output
    }

    /// Feeds input cut to the given sizes and returns the output so far.
    fn feed_cut(&mut self, input: &[u8], cuts: &[usize]) {
        let mut sizes = cuts.iter().copied().chain([usize::MAX]).cycle();
        let mut buffer = Vec::new();
        let mut rest = input;
        while !rest.is_empty() && !self.is_closed {
            let (piece, after) = rest.split_at(sizes.next().unwrap().clamp(1, rest.len()));
            rest = after;
            buffer.extend_from_slice(piece);
            self.drain(&mut buffer);
        }
    }

    fn drain(&mut self, buffer: &mut Vec<u8>) {
        let mut used_total = 0;
        loop {
            let (used, event) = self.session.step(&buffer[used_total..]);
            used_total += used;
            let (line, done) = match event {
                Event::More => (None, true),
                Event::Close => {
                    self.is_closed = true;
                    (Some("close".to_owned()), true)
                }
                Event::Body(octets) => {
                    self.body.extend_from_slice(octets);
                    if octets.windows(6).any(|window| window == b"refuse") {
                        self.session.refuse_body(Reply::new(451, (4, 3, 0), "as you wish"));
                    }
                    (None, false)
                }
                Event::Auth(credentials) => {
                    (Some(format!("auth {}:{}", credentials.user, credentials.password)), false)
                }
                Event::Begin => (Some("begin".to_owned()), false),
                Event::Discard(code) => (Some(format!("discard {}", code.id)), false),
                Event::End => (Some(format!("end {}", self.body.escape_ascii())), false),
                Event::Hello { name, .. } => (Some(format!("hello {name}")), false),
                Event::Mail(mail) => (Some(format!("mail {}", mail.address)), false),
                Event::Rcpt(recipient) => (Some(format!("rcpt {}", recipient.address)), false),
                Event::Reset => (Some("reset".to_owned()), false),
                Event::StartTls => (Some("starttls".to_owned()), false),
            };
            if let Some(line) = line {
                self.answer(&line);
                self.log.push(line);
            }
            if done && !self.flush() {
                break;
            }
            if self.is_closed {
                self.flush();
                break;
            }
        }
        buffer.drain(..used_total);
    }

    fn answer(&mut self, line: &str) {
        let (event, argument) = line.split_once(' ').unwrap_or((line, ""));
        let is_bad = argument.starts_with("bad");
        match event {
            "mail" | "rcpt" => {
                let refusal = Reply::new(550, (5, 1, 1), "no such thing");
                self.session.answer(if is_bad { Err(refusal) } else { Ok(()) });
            }
            "begin" => {
                self.body.clear();
                self.session.answer(Ok(()));
            }
            "end" => self.session.finish(
                &[Reply::new(250, (2, 0, 0), "taken"), Reply::new(452, (4, 2, 2), "full")][..],
            ),
            "auth" => self.session.answer_auth(argument == "joe:secret"),
            "starttls" => {
                self.flush();
                self.session.tls_established();
            }
            _ => {}
        }
    }

    fn feed(&mut self, input: &str) -> String {
        self.feed_cut(input.as_bytes(), &[]);
        std::mem::take(&mut self.output)
    }

    /// Returns the codes of all final reply lines.
    fn codes(&mut self, input: &str) -> Vec<u16> {
        let output = self.feed(input);
        output
            .lines()
            .filter(|line| line.as_bytes()[3] == b' ')
            .map(|line| line[..3].parse().unwrap())
            .collect()
    }
}

fn config() -> Config {
    Config { max_message_size: 1_000, max_recipients: 3, ..Config::new("mx.example") }
}

fn lmtp() -> Config {
    Config { protocol: Protocol::Lmtp, ..config() }
}

fn greeted(config: Config) -> Dialogue {
    let hello =
        if config.protocol == Protocol::Lmtp { "LHLO c.example\r\n" } else { "EHLO c.example\r\n" };
    let mut dialogue = Dialogue::new(config);
    dialogue.feed(hello);
    dialogue.log.clear();
    dialogue
}

const ENVELOPE: &str = "MAIL FROM:<a@a.example>\r\nRCPT TO:<b@b.example>\r\n";

#[test]
fn a_pipelined_message_goes_through() {
    let mut dialogue = Dialogue::new(config());
    let output = dialogue
        .feed(&format!("EHLO c.example\r\n{ENVELOPE}DATA\r\nhello\r\n..dot\r\n.\r\nQUIT\r\n"));
    assert_eq!(
        output,
        "250-mx.example\r\n250-PIPELINING\r\n250-SIZE 1000\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250-CHUNKING\r\n\
         250-ENHANCEDSTATUSCODES\r\n250 DSN\r\n250 2.1.0 sender ok\r\n250 2.1.5 recipient ok\r\n\
         354 end with a dot on a line by itself\r\n452 4.2.2 full\r\n221 2.0.0 goodbye\r\n"
    );
    let expected = [
        "hello c.example",
        "mail a@a.example",
        "rcpt b@b.example",
        "begin",
        "end hello\\r\\n.dot\\r\\n",
        "close",
    ];
    assert_eq!(dialogue.log, expected);
}

#[test]
fn lmtp_replies_once_for_each_accepted_recipient() {
    let mut dialogue = greeted(lmtp());
    let input = format!(
        "{ENVELOPE}RCPT TO:<bad@b.example>\r\nRCPT TO:<c@b.example>\r\nDATA\r\nx\r\n.\r\nNOOP\r\n"
    );
    assert_eq!(dialogue.codes(&input), [250, 250, 550, 250, 354, 250, 452, 250]);
    // A refusal that the machine makes itself is repeated too.
    let input = format!("{ENVELOPE}RCPT TO:<c@b.example>\r\nDATA\r\nx\n\r\n.\r\nNOOP\r\n");
    assert_eq!(dialogue.codes(&input), [250, 250, 250, 354, 550, 550, 250]);
    let input = format!("{ENVELOPE}RCPT TO:<c@b.example>\r\nBDAT 3 LAST\r\nx\r\nNOOP\r\n");
    assert_eq!(dialogue.codes(&input), [250, 250, 250, 250, 452, 250]);
    assert_eq!(
        dialogue.codes("MAIL FROM:<>\r\nRCPT TO:<bad@b.example>\r\nDATA\r\n"),
        [250, 550, 503]
    );
}

#[test]
fn commands_out_of_order_get_503() {
    for (input, expected) in [
        ("MAIL FROM:<>\r\n", &[503][..]),
        ("DATA\r\n", &[503]),
        ("STARTTLS\r\n", &[502]),
        ("AUTH PLAIN\r\n", &[502]),
        ("EHLO c\r\nRCPT TO:<a@b.example>\r\n", &[250, 503]),
        ("EHLO c\r\nDATA\r\n", &[250, 503]),
        ("EHLO c\r\nMAIL FROM:<>\r\nMAIL FROM:<>\r\n", &[250, 250, 503]),
        ("EHLO c\r\nMAIL FROM:<>\r\nDATA\r\n", &[250, 250, 503]),
        ("EHLO c\r\nMAIL FROM:<>\r\nRCPT TO:<bad@b.example>\r\nDATA\r\n", &[250, 250, 550, 554]),
        ("EHLO c\r\nMAIL FROM:<>\r\nEHLO c\r\nRCPT TO:<a@b.example>\r\n", &[250, 250, 250, 503]),
        ("EHLO c\r\nMAIL FROM:<>\r\nRSET\r\nRCPT TO:<a@b.example>\r\n", &[250, 250, 250, 503]),
        ("EHLO c\r\nBDAT 6 LAST\r\nNOOP\r\nNOOP\r\n", &[250, 503, 250]),
        ("LHLO c\r\n", &[500]),
        ("XYZZY\r\n", &[500]),
        ("EHLO\r\n", &[501]),
        ("HELO c\r\nMAIL FROM:<> FOO=BAR\r\n", &[250, 555]),
        ("EHLO c\r\nMAIL FROM:<ü@b.example>\r\n", &[250, 553]),
        (
            "EHLO c\r\nMAIL FROM:<ü@b.example> SMTPUTF8\r\nRCPT TO:<ö@b.example>\r\n",
            &[250, 250, 250],
        ),
        ("VRFY x\r\nEXPN x\r\nHELP\r\nNOOP\r\n", &[252, 502, 214, 250]),
    ] {
        let mut dialogue = Dialogue::new(config());
        assert_eq!(dialogue.codes(input), expected, "{input}");
    }
    let mut dialogue = Dialogue::new(lmtp());
    assert_eq!(dialogue.codes("EHLO c\r\nHELO c\r\nLHLO c\r\n"), [500, 500, 250]);
}

#[test]
fn chunks_make_a_message() {
    let mut dialogue = greeted(config());
    let input = format!(
        "{ENVELOPE}BDAT 4\r\nab\r\nBDAT 3\r\n.\r\nBDAT 2 LAST\r\ncd{ENVELOPE}BDAT 0 LAST\r\nNOOP\r\n"
    );
    assert_eq!(dialogue.codes(&input), [250, 250, 250, 250, 452, 250, 250, 452, 250]);
    assert!(dialogue.log.contains(&"end ab\\r\\n.\\r\\ncd".to_owned()), "{:?}", dialogue.log);
    assert!(dialogue.log.contains(&"end ".to_owned()));
}

#[test]
fn data_and_bdat_do_not_mix() {
    let mut dialogue = greeted(config());
    let input = format!("{ENVELOPE}BDAT 2\r\n\r\nDATA\r\nRCPT TO:<c@b.example>\r\nBDAT 0 LAST\r\n");
    assert_eq!(dialogue.codes(&input), [250, 250, 250, 503, 503, 452]);
}

#[test]
fn a_refused_chunk_ends_the_message() {
    let mut dialogue = greeted(config());
    let input = format!(
        "{ENVELOPE}BDAT 2\r\nx\nBDAT 3\r\nabcBDAT 3 LAST\r\nabcNOOP\r\n{ENVELOPE}BDAT 2\r\nx\nRSET\r\n{ENVELOPE}"
    );
    assert_eq!(
        dialogue.codes(&input),
        [250, 250, 550, 503, 503, 250, 250, 250, 550, 250, 250, 250]
    );
    assert!(!dialogue.log.iter().any(|line| line.starts_with("end")));
    assert_eq!(
        dialogue.log.iter().filter(|line| line.starts_with("discard smtp.bare_newline")).count(),
        2
    );
    let mut dialogue = greeted(config());
    assert_eq!(
        dialogue.codes(&format!("{ENVELOPE}BDAT 2 LAST\r\nx\rNOOP\r\n")),
        [250, 250, 550, 250]
    );
    // CRLF cut between two chunks is whole.
    let mut dialogue = greeted(config());
    assert_eq!(
        dialogue.codes(&format!("{ENVELOPE}BDAT 2\r\nx\rBDAT 1 LAST\r\n\nNOOP\r\n")),
        [250, 250, 250, 452, 250]
    );
}

#[test]
fn smuggled_messages_are_refused_as_one() {
    for ending in
        ["\n.\n", "\n.\r\n", "\r\n.\n", "\r.\r", "\r\n.\r", "\r.\r\n", "\r\n\0.\r\n", "\r\n.\0\r\n"]
    {
        let mut dialogue = greeted(config());
        let input = format!(
            "{ENVELOPE}DATA\r\nx{ending}MAIL FROM:<evil@a.example>\r\nRCPT TO:<c@b.example>\r\nDATA\r\ny\r\n.\r\nNOOP\r\n"
        );
        assert_eq!(dialogue.codes(&input), [250, 250, 354, 550, 250], "{ending:?}");
        assert_eq!(dialogue.log.iter().filter(|line| line.starts_with("mail")).count(), 1);
        assert!(!dialogue.log.iter().any(|line| line.starts_with("end")));
    }
}

#[test]
fn nul_is_a_matter_of_policy() {
    let input = format!("{ENVELOPE}DATA\r\na\0b\r\n.\r\n");
    assert_eq!(greeted(config()).codes(&input), [250, 250, 354, 550]);
    assert_eq!(greeted(Config { allow_nul: true, ..config() }).codes(&input), [250, 250, 354, 452]);
}

#[test]
fn size_is_watched_when_declared_and_when_real() {
    let mut dialogue = greeted(config());
    assert!(dialogue.feed("MAIL FROM:<> SIZE=1001\r\n").starts_with("552 5.3.4 "));
    assert_eq!(dialogue.codes("MAIL FROM:<> SIZE=1000\r\nRSET\r\n"), [250, 250]);
    let fits = format!("{ENVELOPE}DATA\r\n{}\r\n.\r\n", "x".repeat(998));
    assert_eq!(dialogue.codes(&fits), [250, 250, 354, 452]);
    let too_big = format!("{ENVELOPE}DATA\r\n{}\r\n.\r\nNOOP\r\n", "x".repeat(999));
    assert_eq!(dialogue.codes(&too_big), [250, 250, 354, 552, 250]);
    assert_eq!(dialogue.log.last().map(String::as_str), Some("discard smtp.message_too_big"));
    let too_big = format!("{ENVELOPE}BDAT 1001 LAST\r\n{}NOOP\r\n", "x".repeat(1_001));
    assert_eq!(dialogue.codes(&too_big), [250, 250, 552, 250]);
}

#[test]
fn endless_refused_body_ends_the_connection() {
    let mut dialogue = greeted(config());
    dialogue.feed(&format!("{ENVELOPE}DATA\r\n"));
    let block = vec![b'x'; 1 << 20];
    for _ in 0..66 {
        dialogue.feed_cut(&block, &[]);
    }
    assert!(dialogue.is_closed);
    assert!(dialogue.output.starts_with("552 5.3.4 "), "{}", dialogue.output);
}

#[test]
fn handler_may_refuse_in_the_middle() {
    let mut dialogue = greeted(config());
    let input = format!("{ENVELOPE}DATA\r\nplease refuse\r\n..\r\n.\r\nNOOP\r\n");
    assert_eq!(dialogue.codes(&input), [250, 250, 354, 451, 250]);
}

#[test]
fn too_many_recipients_get_452() {
    let mut dialogue = greeted(config());
    assert_eq!(
        dialogue.codes(&format!("{ENVELOPE}{}", "RCPT TO:<c@b.example>\r\n".repeat(3))),
        [250, 250, 250, 250, 452]
    );
}

#[test]
fn too_many_errors_end_the_connection() {
    let mut dialogue = greeted(config());
    let codes = dialogue.codes(&"XYZZY\r\n".repeat(30));
    assert_eq!(codes.len(), 21);
    assert_eq!(codes.last(), Some(&421));
    assert!(dialogue.is_closed);
    // Commands that do nothing are free for a while only.
    let mut dialogue = greeted(config());
    dialogue.feed(&"NOOP\r\n".repeat(1_000));
    assert!(dialogue.is_closed);
    // Dead recipients count a tenth.
    let mut dialogue = greeted(config());
    let codes =
        dialogue.codes(&format!("MAIL FROM:<>\r\n{}", "RCPT TO:<bad@b.example>\r\n".repeat(250)));
    assert_eq!(codes.len(), 202);
}

#[test]
fn enough_messages_end_the_connection() {
    let mut dialogue = greeted(Config { max_messages: 1, ..config() });
    let message = format!("{ENVELOPE}DATA\r\n.\r\n");
    assert_eq!(dialogue.codes(&format!("{message}{ENVELOPE}")), [250, 250, 354, 452, 421]);
    assert!(dialogue.is_closed);
}

#[test]
fn bad_lines_are_refused() {
    let mut dialogue = greeted(config());
    assert!(
        dialogue.feed("NOOP\nNOOP\r\n").starts_with("500 5.5.2 a line must end in CR LF\r\n250 ")
    );
    assert!(dialogue.feed("NO\rOP\r\n").starts_with("500 5.5.2 "));
    assert!(dialogue.feed("NOOP \0\r\n").starts_with("500 5.5.2 "));
    assert_eq!(dialogue.codes(&format!("NOOP {}\r\nNOOP\r\n", "x".repeat(4_091))), [500, 250]);
    assert_eq!(dialogue.codes(&format!("NOOP {}\r\nNOOP\r\n", "x".repeat(4_089))), [250, 250]);
    assert_eq!(dialogue.codes(&format!("{}\r\nNOOP\r\n", "x".repeat(1_000_000))), [500, 250]);
    assert_eq!(dialogue.codes("POST / HTTP/1.1\r\nMAIL FROM:<>\r\n"), [421]);
    assert!(dialogue.is_closed);
}

#[test]
fn starttls_forgets_everything() {
    let config =
        Config { offer_starttls: true, require_tls: true, auth: AuthOffer::AfterTls, ..config() };
    let mut dialogue = Dialogue::new(config);
    let output = dialogue.feed("EHLO c.example\r\n");
    assert!(output.contains("STARTTLS") && !output.contains("AUTH"));
    assert_eq!(dialogue.codes("MAIL FROM:<>\r\n"), [530]);
    assert_eq!(dialogue.codes("AUTH PLAIN AGpvZQBzZWNyZXQ=\r\n"), [538]);
    // What is pipelined in clear behind STARTTLS is dropped.
    assert_eq!(
        dialogue.codes("STARTTLS\r\nEHLO evil.example\r\nMAIL FROM:<evil@a.example>\r\n"),
        [220]
    );
    assert_eq!(dialogue.codes("MAIL FROM:<>\r\n"), [503]);
    let output = dialogue.feed("EHLO c.example\r\n");
    assert!(output.contains("AUTH PLAIN LOGIN") && !output.contains("STARTTLS"));
    assert_eq!(dialogue.codes("STARTTLS\r\nMAIL FROM:<>\r\n"), [503, 250]);
    assert!(!dialogue.log.iter().any(|line| line.contains("evil")));
}

#[test]
fn auth_plain_and_login() {
    let offer = || greeted(Config { auth: AuthOffer::Always, ..config() });
    for (input, expected) in [
        ("AUTH PLAIN AGpvZQBzZWNyZXQ=\r\n", &[235][..]),
        ("AUTH PLAIN\r\nAGpvZQBzZWNyZXQ=\r\n", &[334, 235]),
        ("auth login\r\nam9l\r\nc2VjcmV0\r\n", &[334, 334, 235]),
        ("AUTH LOGIN am9l\r\nc2VjcmV0\r\nAUTH PLAIN\r\n", &[334, 235, 503]),
        ("AUTH LOGIN\r\n*\r\nNOOP\r\n", &[334, 501, 250]),
        ("AUTH PLAIN =\r\n", &[501]),
        ("AUTH PLAIN !!!\r\n", &[501]),
        ("AUTH PLAIN AGpvZQA=\r\n", &[535]),
        ("AUTH PLAIN AGpvZQ==\r\n", &[501]),
        ("AUTH PLAIN am9lAGpvZQBzZWNyZXQ=\r\n", &[235]),
        ("AUTH CRAM-MD5\r\n", &[504]),
        ("AUTH GSSAPI x y\r\n", &[501]),
        ("MAIL FROM:<>\r\nAUTH PLAIN AGpvZQBzZWNyZXQ=\r\n", &[250, 503]),
        (
            "AUTH PLAIN AGpvZQA=\r\nAUTH PLAIN AGpvZQA=\r\nAUTH PLAIN AGpvZQA=\r\nNOOP\r\n",
            &[535, 535, 535, 421],
        ),
    ] {
        assert_eq!(offer().codes(input), expected, "{input}");
    }
    let mut dialogue = offer();
    let answer = dialogue.feed("AUTH PLAIN Ym9zcwBqb2UAc2VjcmV0\r\n");
    assert!(answer.starts_with("535 5.7.8 nobody can log in for another user"), "{answer}");
    assert!(!dialogue.session.is_authenticated(), "joe's password does not make him the boss");
    assert!(dialogue.log.is_empty(), "and nobody is asked");
    dialogue.feed("AUTH PLAIN AGpvZQBzZWNyZXQ=\r\n");
    assert!(dialogue.session.is_authenticated());
    let debug = format!("{:?}", Credentials { user: "joe".into(), password: "secret".into() });
    assert!(!debug.contains("secret"));
}

#[test]
fn slow_clients_meet_a_deadline() {
    let mut dialogue = greeted(config());
    dialogue.now = 1_000;
    dialogue.feed("NOOP\r\n");
    assert_eq!(dialogue.session.wait(1_000), 301_000);
    // One octet a minute does not buy another minute.
    for minute in 1..5 {
        dialogue.now = 1_000 + minute * 60_000;
        let (_, event) = dialogue.session.step(b"NOO");
        assert!(matches!(event, Event::More));
        assert_eq!(dialogue.session.wait(dialogue.now), 301_000);
    }
    dialogue.session.time_out(301_000);
    assert!(dialogue.feed("x").starts_with("421 4.4.2 "));
    assert!(dialogue.is_closed);
}

#[test]
fn trickling_bodies_meet_a_deadline() {
    let mut dialogue = greeted(Config { max_message_size: 1 << 30, ..config() });
    dialogue.feed(&format!("{ENVELOPE}DATA\r\n"));
    assert_eq!(dialogue.session.wait(0), 180_000);
    let mut passed_in_time = 0;
    loop {
        dialogue.now += 60_000;
        if dialogue.session.wait(dialogue.now - 60_000) <= dialogue.now {
            break;
        }
        passed_in_time += 1;
        dialogue.feed("x");
    }
    assert_eq!(passed_in_time, 3, "an octet a minute is no message");
    // 60 kB a minute is one.
    let mut dialogue =
        greeted(Config { max_message_size: 1 << 30, session_timeout_ms: u64::MAX, ..config() });
    dialogue.feed(&format!("{ENVELOPE}DATA\r\n"));
    for _ in 0..100 {
        assert!(dialogue.session.wait(dialogue.now) > dialogue.now + 60_000);
        dialogue.now += 60_000;
        dialogue.feed(&"x".repeat(60_000));
    }
}

#[test]
fn no_session_outlasts_its_time_whatever_the_client_does() {
    let limit = Config { session_timeout_ms: 600_000, ..config() };
    for (busy, last) in [("NOOP\r\n", "250"), ("MAIL FROM:<>\r\nRSET\r\n", "250")] {
        let mut dialogue = greeted(limit.clone());
        assert_eq!(dialogue.session.wait(0), 300_000, "a silent client has the time of a command");
        for minute in 1..10 {
            dialogue.now = minute * 60_000;
            assert!(dialogue.feed(busy).contains(last));
            assert!(dialogue.session.wait(dialogue.now) > dialogue.now);
        }
        assert_eq!(dialogue.session.wait(599_999), 600_000);
        dialogue.session.time_out(600_000);
        assert!(dialogue.feed("x").starts_with("421 4.7.0 "));
        assert!(dialogue.is_closed);
    }
    // A message that comes in fast enough ends with the session too.
    let mut dialogue = greeted(Config { max_message_size: 1 << 30, ..limit });
    dialogue.session.wait(0);
    dialogue.feed(&format!("{ENVELOPE}DATA\r\n"));
    for minute in 1..10 {
        dialogue.now = minute * 60_000;
        dialogue.feed(&"x".repeat(60_000));
        assert!(dialogue.session.wait(dialogue.now) > dialogue.now);
    }
    assert_eq!(dialogue.session.wait(599_999), 600_000);
}

#[test]
fn shutdown_waits_for_the_message_in_progress() {
    let mut dialogue = greeted(config());
    dialogue.session.shut_down();
    assert!(dialogue.feed("x").starts_with("421 4.3.2 "));
    let mut dialogue = greeted(config());
    dialogue.feed(&format!("{ENVELOPE}DATA\r\nx"));
    dialogue.session.shut_down();
    assert_eq!(dialogue.codes("\r\n.\r\nNOOP\r\n"), [452, 421]);
    assert!(dialogue.is_closed);
    let mut dialogue = greeted(config());
    dialogue.feed(&format!("{ENVELOPE}BDAT 2\r\n\r\n"));
    dialogue.session.shut_down();
    assert_eq!(dialogue.codes("BDAT 0 LAST\r\n"), [452, 421]);
}

#[test]
fn output_is_bounded_while_replies_are_not_read() {
    let mut session = Session::new(Config { max_errors: u32::MAX, ..config() });
    let flood = "EHLO c\r\n".repeat(10_000);
    let mut used = 0;
    while session.output().len() <= MAX_OUTPUT {
        used += session.step(&flood.as_bytes()[used..]).0;
    }
    let (more, event) = session.step(&flood.as_bytes()[used..]);
    assert_eq!(more, 0);
    assert!(matches!(event, Event::More));
    assert!(session.output().len() < 2 * MAX_OUTPUT);
}

/// Lines that matter, in any order.
fn scripts() -> impl Strategy<Value = Vec<u8>> {
    let line = prop::sample::select(vec![
        "EHLO c\r\n",
        "HELO c\r\n",
        "MAIL FROM:<a@a.example>\r\n",
        "RCPT TO:<b@b.example>\r\n",
        "RCPT TO:<bad@b.example>\r\n",
        "DATA\r\n",
        "text\r\n",
        ".\r\n",
        "..\r\n",
        "\r\n",
        "\n",
        "\r",
        ".",
        "\0",
        "BDAT 3\r\n",
        "BDAT 5 LAST\r\n",
        "RSET\r\n",
        "NOOP\r\n",
        "AUTH LOGIN\r\n",
        "am9l\r\n",
        "*\r\n",
        "STARTTLS\r\n",
        "QUIT",
        "xx",
    ]);
    prop::collection::vec(line, 0..40)
        .prop_map(|lines| format!("EHLO c\r\n{ENVELOPE}{}", lines.concat()).into_bytes())
}

proptest! {
    #[test]
    fn cutting_changes_no_reply(script in scripts(), cuts in prop::collection::vec(1..30_usize, 0..8)) {
        let config = || Config { auth: AuthOffer::Always, max_message_size: 60, ..config() };
        let (mut whole, mut cut) = (Dialogue::new(config()), Dialogue::new(config()));
        whole.feed_cut(&script, &[]);
        cut.feed_cut(&script, &cuts);
        prop_assert_eq!(&whole.output, &cut.output);
        prop_assert_eq!(&whole.log, &cut.log);
    }

    #[test]
    fn any_octets_are_answered(input in prop::collection::vec(any::<u8>(), 0..300), cuts in prop::collection::vec(1..30_usize, 0..8)) {
        let mut dialogue = greeted(config());
        dialogue.feed_cut(&input, &cuts);
    }
}
