//! Commands: their grammar (RFC 5321 section 4.1) and the parameters of our extensions.

use super::envelope::{BodyKind, MailFrom, Notify, RcptTo, Return, decode_xtext};

mod path;

pub use path::is_address;

/// One command line, parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command<'a> {
    /// `AUTH mechanism [initial-response]` (RFC 4954).
    Auth {
        /// The mechanism as written.
        mechanism: &'a str,
        /// The first response in base64; `=` stands for an empty one.
        initial: Option<&'a str>,
    },
    /// `BDAT size [LAST]` (RFC 3030).
    Bdat {
        /// Octets that follow.
        size: u64,
        /// They are the last ones.
        is_last: bool,
    },
    /// `DATA`
    Data,
    /// `EHLO name`
    Ehlo(&'a str),
    /// `EXPN …`
    Expn,
    /// `HELO name`
    Helo(&'a str),
    /// `HELP …`
    Help,
    /// `LHLO name` (RFC 2033)
    Lhlo(&'a str),
    /// `MAIL FROM:<…> …`
    Mail(MailFrom),
    /// `NOOP …`
    Noop,
    /// `QUIT`
    Quit,
    /// `RCPT TO:<…> …`
    Rcpt(RcptTo),
    /// `RSET`
    Rset,
    /// `STARTTLS`
    StartTls,
    /// `VRFY …`
    Vrfy,
}

/// What is wrong with a command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mistake {
    /// Not a mail client at all: a web browser that was tricked into talking to us.
    Foreign,
    /// A parameter of MAIL or RCPT that we do not know.
    Parameter,
    /// The command is known, its argument is wrong.
    Syntax(&'static str),
    /// Control characters, or octets that are not UTF-8.
    Unreadable,
    /// No such command.
    Unknown,
}

/// Parses a command line without its CRLF.
pub fn parse(line: &[u8]) -> Result<Command<'_>, Mistake> {
    let line = std::str::from_utf8(line).map_err(|_| Mistake::Unreadable)?;
    if line.chars().any(|c| c.is_control() && c != '\t') {
        return Err(Mistake::Unreadable);
    }
    // Trailing white space is to be tolerated (RFC 5321 section 4.1.1).
    let line = line.trim_end_matches([' ', '\t']);
    let (verb, argument) = line
        .split_once(' ')
        .map_or((line, ""), |(verb, rest)| (verb, rest.trim_start_matches(' ')));
    let is = |name: &str| verb.eq_ignore_ascii_case(name);
    if is("MAIL") {
        mail(argument).map(Command::Mail)
    } else if is("RCPT") {
        recipient(argument).map(Command::Rcpt)
    } else if is("BDAT") {
        chunk(argument)
    } else if is("EHLO") {
        hello(argument).map(Command::Ehlo)
    } else if is("HELO") {
        hello(argument).map(Command::Helo)
    } else if is("LHLO") {
        hello(argument).map(Command::Lhlo)
    } else if is("AUTH") {
        auth(argument)
    } else if is("NOOP") {
        Ok(Command::Noop)
    } else if is("HELP") {
        Ok(Command::Help)
    } else if is("VRFY") {
        Ok(Command::Vrfy)
    } else if is("EXPN") {
        Ok(Command::Expn)
    } else {
        bare(verb, argument)
    }
}

/// Commands that take no argument.
fn bare<'a>(verb: &str, argument: &str) -> Result<Command<'a>, Mistake> {
    let command = match verb.to_ascii_uppercase().as_str() {
        "DATA" => Command::Data,
        "QUIT" => Command::Quit,
        "RSET" => Command::Rset,
        "STARTTLS" => Command::StartTls,
        // What a browser sends when a page makes it post to port 25 (cross-protocol request forgery).
        "GET" | "POST" | "PUT" | "HEAD" | "OPTIONS" | "CONNECT" | "HOST:" | "USER-AGENT:" => {
            return Err(Mistake::Foreign);
        }
        _ => return Err(Mistake::Unknown),
    };
    if argument.is_empty() { Ok(command) } else { Err(Mistake::Syntax("no argument allowed")) }
}

/// The name goes into trace fields and logs, so only characters of names and address literals are taken.
fn hello(name: &str) -> Result<&str, Mistake> {
    let fits = |b: u8| b.is_ascii_alphanumeric() || b"-._:[]%".contains(&b);
    if name.is_empty() {
        Err(Mistake::Syntax("your host name is missing"))
    } else if name.len() > 255 || !name.bytes().all(fits) {
        Err(Mistake::Syntax("that is not a host name"))
    } else {
        Ok(name)
    }
}

fn chunk<'a>(argument: &str) -> Result<Command<'a>, Mistake> {
    let mut words = argument.split_ascii_whitespace();
    let digits =
        words.next().filter(|word| word.len() <= 19 && word.bytes().all(|b| b.is_ascii_digit()));
    let size =
        digits.and_then(|word| word.parse().ok()).ok_or(Mistake::Syntax("a size is needed"))?;
    match (words.next(), words.next()) {
        (None, _) => Ok(Command::Bdat { size, is_last: false }),
        (Some(word), None) if word.eq_ignore_ascii_case("LAST") => {
            Ok(Command::Bdat { size, is_last: true })
        }
        _ => Err(Mistake::Syntax("only LAST may follow the size")),
    }
}

fn auth(argument: &str) -> Result<Command<'_>, Mistake> {
    let mut words = argument.split(' ');
    let mechanism = words
        .next()
        .filter(|word| !word.is_empty())
        .ok_or(Mistake::Syntax("a mechanism is needed"))?;
    let initial = words.next();
    if words.next().is_some() {
        return Err(Mistake::Syntax("too many arguments"));
    }
    Ok(Command::Auth { mechanism, initial })
}

fn mail(argument: &str) -> Result<MailFrom, Mistake> {
    let rest =
        strip_keyword(argument, "FROM:").ok_or(Mistake::Syntax("FROM:<address> is needed"))?;
    let (address, parameters) =
        path::reverse(rest).ok_or(Mistake::Syntax("that is not an address in angle brackets"))?;
    let mut mail = MailFrom::new(address);
    let mut seen = Vec::new();
    for (name, value) in split_parameters(parameters)? {
        once(&mut seen, name)?;
        mail_parameter(&mut mail, name, value)?;
    }
    Ok(mail)
}

fn mail_parameter(mail: &mut MailFrom, name: &str, value: Option<&str>) -> Result<(), Mistake> {
    let is = |keyword: &str| name.eq_ignore_ascii_case(keyword);
    match value {
        // RFC 1870 section 3: up to 20 digits.
        Some(value) if is("SIZE") => {
            let is_number =
                (1..=20).contains(&value.len()) && value.bytes().all(|b| b.is_ascii_digit());
            if !is_number {
                return Err(Mistake::Syntax("SIZE is not a number"));
            }
            mail.size = Some(value.parse().unwrap_or(u64::MAX));
        }
        Some(value) if is("BODY") => match value.to_ascii_uppercase().as_str() {
            "7BIT" => mail.body = BodyKind::SevenBit,
            "8BITMIME" => mail.body = BodyKind::EightBitMime,
            // BINARYMIME is not offered.
            _ => return Err(Mistake::Parameter),
        },
        None if is("SMTPUTF8") => mail.smtputf8 = true,
        Some(value) if is("RET") => match value.to_ascii_uppercase().as_str() {
            "FULL" => mail.ret = Some(Return::Full),
            "HDRS" => mail.ret = Some(Return::Headers),
            _ => return Err(Mistake::Syntax("RET is FULL or HDRS")),
        },
        // RFC 3461 section 4.4: at most 100 characters.
        Some(value) if is("ENVID") => {
            if value.is_empty() || value.len() > 100 || decode_xtext(value).is_none() {
                return Err(Mistake::Syntax("ENVID is not xtext"));
            }
            mail.envid = Some(value.to_owned());
        }
        // RFC 4954 section 5: to be taken, and worth nothing from clients that are not trusted.
        Some(value) if is("AUTH") => {
            if decode_xtext(value).is_none() {
                return Err(Mistake::Syntax("AUTH is not xtext"));
            }
        }
        _ => return Err(Mistake::Parameter),
    }
    Ok(())
}

fn recipient(argument: &str) -> Result<RcptTo, Mistake> {
    let rest = strip_keyword(argument, "TO:").ok_or(Mistake::Syntax("TO:<address> is needed"))?;
    let (address, parameters) =
        path::forward(rest).ok_or(Mistake::Syntax("that is not an address in angle brackets"))?;
    let mut recipient = RcptTo::new(address);
    let mut seen = Vec::new();
    for (name, value) in split_parameters(parameters)? {
        once(&mut seen, name)?;
        match value {
            Some(value) if name.eq_ignore_ascii_case("NOTIFY") => {
                recipient.notify = Some(notify(value)?);
            }
            Some(value) if name.eq_ignore_ascii_case("ORCPT") => {
                recipient.orcpt = Some(original_recipient(value)?);
            }
            _ => return Err(Mistake::Parameter),
        }
    }
    Ok(recipient)
}

/// RFC 3461 section 4.1: `NEVER` stands alone, the others make a list.
fn notify(value: &str) -> Result<Notify, Mistake> {
    let mut notify = Notify::default();
    if value.eq_ignore_ascii_case("NEVER") {
        return Ok(notify);
    }
    for word in value.split(',') {
        match word.to_ascii_uppercase().as_str() {
            "SUCCESS" => notify.success = true,
            "FAILURE" => notify.failure = true,
            "DELAY" => notify.delay = true,
            _ => {
                return Err(Mistake::Syntax(
                    "NOTIFY is NEVER or a list of SUCCESS, FAILURE and DELAY",
                ));
            }
        }
    }
    Ok(notify)
}

/// RFC 3461 section 4.2; RFC 6533 section 3 adds UTF-8, as raw text, after the type `utf-8`.
fn original_recipient(value: &str) -> Result<String, Mistake> {
    let is_good = value.len() <= 500
        && value.split_once(';').is_some_and(|(kind, text)| {
            let is_atom =
                !kind.is_empty() && kind.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
            let is_text = if kind.eq_ignore_ascii_case("utf-8") {
                text.chars().all(|c| !c.is_control() && c != ' ' && c != '=' && c != '+')
            } else {
                decode_xtext(text).is_some()
            };
            is_atom && is_text && !text.is_empty()
        });
    if is_good { Ok(value.to_owned()) } else { Err(Mistake::Syntax("ORCPT is not type;xtext")) }
}

fn strip_keyword<'a>(argument: &'a str, keyword: &str) -> Option<&'a str> {
    let (head, rest) = argument.split_at_checked(keyword.len())?;
    // A space after the colon is wrong and so common that refusing it would only lose mail.
    head.eq_ignore_ascii_case(keyword).then(|| rest.trim_start_matches(' '))
}

fn split_parameters(text: &str) -> Result<impl Iterator<Item = (&str, Option<&str>)>, Mistake> {
    if !text.is_empty() && !text.starts_with(' ') {
        return Err(Mistake::Syntax("a space is needed after the address"));
    }
    Ok(text.split(' ').filter(|word| !word.is_empty()).map(|word| match word.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (word, None),
    }))
}

fn once<'a>(seen: &mut Vec<&'a str>, name: &'a str) -> Result<(), Mistake> {
    if seen.iter().any(|other| other.eq_ignore_ascii_case(name)) {
        return Err(Mistake::Syntax("a parameter is given twice"));
    }
    seen.push(name);
    // More than all extensions together have; keeps the search above short.
    if seen.len() > 16 { Err(Mistake::Syntax("too many parameters")) } else { Ok(()) }
}

#[cfg(test)]
mod tests;
