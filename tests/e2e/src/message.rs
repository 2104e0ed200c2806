//! Messages to send, and what to look for when they arrive.

/// A line that stands in the body of every message made here; whoever sees it has seen clear text.
pub const SECRET: &str = "The harvest report is for nobody else's eyes.";

/// Returns a plain message of one part.
pub fn plain(from: &str, to: &str, mark: &str) -> String {
    format!(
        "From: {from}\r\nTo: {to}\r\nSubject: Report {mark}\r\nDate: Sat, 21 Nov 2026 10:00:00 +0000\r\n\
         Message-ID: <{mark}@test.invalid>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n\
         {SECRET}\r\n.a line that begins with a dot\r\n.\r\nlast line, mark {mark}\r\n"
    )
}

/// Returns a message as a desktop writes it: an umlaut in the subject, text and HTML, and an attachment.
pub fn rich(from: &str, to: &str, mark: &str) -> String {
    format!(
        "From: =?utf-8?Q?J=C3=BCrgen_Ma=C3=9F?= <{from}>\r\nTo: {to}\r\n\
         Subject: =?utf-8?B?R3LDvMOfZSBhdXMgS8O2bG4=?= {mark}\r\nDate: Sat, 21 Nov 2026 10:00:00 +0000\r\n\
         Message-ID: <{mark}@test.invalid>\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/mixed; boundary=\"outer\"\r\n\r\npreamble\r\n--outer\r\n\
         Content-Type: multipart/alternative; boundary=inner\r\n\r\n--inner\r\n\
         Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n{SECRET} Grüße, {mark}\r\n\
         --inner\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n\
         <p>{SECRET} Gr=C3=BC=C3=9Fe</p>\r\n--inner--\r\n\r\n--outer\r\nContent-Type: application/pdf; name=\"r.pdf\"\r\n\
         Content-Transfer-Encoding: base64\r\nContent-Disposition: attachment; filename=\"r.pdf\"\r\n\r\n\
         JVBERi0xLjQKJcOkw7zDtsOfCjIgMCBvYmoKPDwvTGVuZ3RoIDMgMCBSPj4K\r\n--outer--\r\nepilogue\r\n"
    )
}

/// Splits a message into its header and its body, with either line end.
pub fn split(message: &str) -> (&str, &str) {
    message.split_once("\r\n\r\n").or_else(|| message.split_once("\n\n")).unwrap_or((message, ""))
}

/// Returns the unfolded values of a header field.
pub fn fields(message: &str, name: &str) -> Vec<String> {
    let (header, _) = split(message);
    let unfolded = header.replace("\r\n", "\n").replace("\n\t", " ").replace("\n ", " ");
    let matching = unfolded
        .lines()
        .filter_map(|line| line.split_once(':'))
        .filter(|(found, _)| found.eq_ignore_ascii_case(name));
    matching.map(|(_, value)| value.trim().to_owned()).collect()
}

/// Returns the message without the header fields that a relay may add or replace, with `\n` line ends, so that what was
/// sent and what is in the mailbox can be compared.
pub fn without_trace(message: &str) -> String {
    const TRACE: [&str; 6] = [
        "authentication-results:",
        "delivered-to:",
        "received:",
        "return-path:",
        "x-original-to:",
        "x-swaks-",
    ];

    let message = message.replace("\r\n", "\n");
    // An empty line at the very beginning is a header without fields.
    let (header, body) = match message.strip_prefix('\n') {
        Some(body) => ("", body),
        None => message.split_once("\n\n").unwrap_or((&message, "")),
    };
    let mut kept = String::new();
    let mut keeping = true;
    for line in header.lines() {
        if !line.starts_with([' ', '\t']) {
            let name = line.to_lowercase();
            keeping = !TRACE.iter().any(|trace| name.starts_with(trace));
        }
        if keeping {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    format!("{kept}\n{body}")
}
