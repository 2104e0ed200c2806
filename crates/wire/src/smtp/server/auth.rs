//! AUTH PLAIN and LOGIN (RFC 4954, RFC 4616, draft-murchison-sasl-login).

use base64_simd::STANDARD;

use super::{AuthOffer, Credentials, Event, Progress, Question, Session, Stage};
use crate::smtp::{Enhanced, Reply};

/// Which response the client owes.
#[derive(Debug)]
pub(super) enum AuthStep {
    LoginPassword { user: String },
    LoginUser,
    Plain,
}

impl Session {
    pub(super) fn start_auth<'a>(
        &mut self,
        mechanism: &str,
        initial: Option<&str>,
    ) -> Progress<'a> {
        if self.config.auth == AuthOffer::Never {
            self.mistake(&Reply::new(502, (5, 5, 1), "not offered"));
        } else if !self.is_greeted {
            self.out_of_order("say EHLO first");
        } else if self.is_authenticated {
            self.out_of_order("you are logged in already");
        } else if self.transaction.is_some() {
            self.out_of_order("not inside a transaction");
        } else if !self.offers_auth() {
            self.mistake(&Reply::new(538, (5, 7, 11), "say STARTTLS first"));
        } else {
            let step = if mechanism.eq_ignore_ascii_case("PLAIN") {
                AuthStep::Plain
            } else if mechanism.eq_ignore_ascii_case("LOGIN") {
                AuthStep::LoginUser
            } else {
                self.mistake(&Reply::new(504, (5, 5, 4), "mechanism not supported"));
                return Progress::Again;
            };
            return match initial {
                // RFC 4954 section 4: "=" is an initial response of no octets.
                Some("=") => self.respond(step, ""),
                Some(response) => self.respond(step, response),
                None => {
                    self.challenge(step);
                    Progress::Again
                }
            };
        }
        Progress::Again
    }

    pub(super) fn take_auth_line<'a>(&mut self, line: &[u8]) -> Progress<'a> {
        let Stage::Auth(step) = std::mem::replace(&mut self.stage, Stage::Command) else {
            return Progress::Again;
        };
        match std::str::from_utf8(line) {
            Ok("*") => {
                self.mistake(&Reply::new(501, (5, 7, 0), "cancelled"));
                Progress::Again
            }
            Ok(response) => self.respond(step, response),
            Err(_) => self.bad_response(&NOT_BASE64),
        }
    }

    /// Answers [`Event::Auth`].
    pub fn answer_auth(&mut self, is_right: bool) {
        if !matches!(self.stage, Stage::Answer(Question::Auth)) {
            return;
        }
        self.stage = Stage::Command;
        if is_right {
            self.is_authenticated = true;
            self.reply(&Reply::new(235, (2, 7, 0), "logged in"));
        } else {
            // Guessing passwords is not a typing mistake: three attempts at the default limit of 20.
            self.count(60);
            self.mistake(&Reply::new(535, (5, 7, 8), "user name or password is wrong"));
        }
    }

    fn respond<'a>(&mut self, step: AuthStep, response: &str) -> Progress<'a> {
        let Ok(octets) = STANDARD.decode_to_vec(response) else {
            return self.bad_response(&NOT_BASE64);
        };
        let Ok(text) = String::from_utf8(octets) else {
            return self.bad_response(&NOT_SASL);
        };
        let credentials = match step {
            AuthStep::Plain => plain(&text),
            AuthStep::LoginUser => {
                self.challenge(AuthStep::LoginPassword { user: text });
                return Progress::Again;
            }
            AuthStep::LoginPassword { user } => Ok(Credentials { user, password: text }),
        };
        match credentials {
            Ok(credentials) => {
                self.stage = Stage::Answer(Question::Auth);
                Progress::Event(Event::Auth(credentials))
            }
            Err(problem) => self.bad_response(problem),
        }
    }

    fn challenge(&mut self, step: AuthStep) {
        // base64 of nothing, "Username:" and "Password:".
        let text = match step {
            AuthStep::Plain => "",
            AuthStep::LoginUser => "VXNlcm5hbWU6",
            AuthStep::LoginPassword { .. } => "UGFzc3dvcmQ6",
        };
        self.reply(&Reply::plain(334, text));
        self.stage = Stage::Auth(step);
    }

    fn bad_response<'a>(&mut self, (code, enhanced, text): &Problem) -> Progress<'a> {
        self.mistake(&Reply::new(*code, *enhanced, *text));
        Progress::Again
    }
}

/// RFC 4616: `[authzid] NUL authcid NUL passwd`. Acting for somebody else is not supported.
fn plain(text: &str) -> Result<Credentials, &'static Problem> {
    let mut parts = text.split('\0');
    let (Some(authzid), Some(user), Some(password), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(&NOT_SASL);
    };
    if user.is_empty() {
        return Err(&NOT_SASL);
    }
    if !authzid.is_empty() && authzid != user {
        return Err(&ACTS_FOR_ANOTHER);
    }
    Ok(Credentials { user: user.to_owned(), password: password.to_owned() })
}

/// A reply to a response that cannot be used: code, enhanced code, words.
type Problem = (u16, Enhanced, &'static str);

/// RFC 4954 section 4: a response that cannot be decoded.
const NOT_BASE64: Problem = (501, (5, 5, 2), "the response is not valid base64");

const NOT_SASL: Problem =
    (501, (5, 5, 2), "the response lacks the user or password that the mechanism needs");

/// RFC 4954 section 6 has 535 for credentials that do not allow what is asked.
const ACTS_FOR_ANOTHER: Problem = (
    535,
    (5, 7, 8),
    "nobody can log in for another user here; leave the authorization identity empty",
);
