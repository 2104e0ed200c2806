//! AUTH PLAIN and LOGIN (RFC 4954, RFC 4616, draft-murchison-sasl-login).

use base64_simd::STANDARD;

use super::{AuthOffer, Credentials, Event, Progress, Question, Session, Stage};
use crate::smtp::Reply;

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
            Err(_) => self.bad_response(),
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
        let Some(text) =
            STANDARD.decode_to_vec(response).ok().and_then(|octets| String::from_utf8(octets).ok())
        else {
            return self.bad_response();
        };
        let credentials = match step {
            AuthStep::Plain => plain(&text),
            AuthStep::LoginUser => {
                self.challenge(AuthStep::LoginPassword { user: text });
                return Progress::Again;
            }
            AuthStep::LoginPassword { user } => Some(Credentials { user, password: text }),
        };
        let Some(credentials) = credentials else { return self.bad_response() };
        self.stage = Stage::Answer(Question::Auth);
        Progress::Event(Event::Auth(credentials))
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

    fn bad_response<'a>(&mut self) -> Progress<'a> {
        self.mistake(&Reply::new(
            501,
            (5, 5, 2),
            "the response is not valid base64 of what the mechanism needs",
        ));
        Progress::Again
    }
}

/// RFC 4616: `[authzid] NUL authcid NUL passwd`. Acting for somebody else is not supported.
fn plain(text: &str) -> Option<Credentials> {
    let mut parts = text.split('\0');
    let (authzid, user, password) = (parts.next()?, parts.next()?, parts.next()?);
    let is_good =
        parts.next().is_none() && !user.is_empty() && (authzid.is_empty() || authzid == user);
    is_good.then(|| Credentials { user: user.to_owned(), password: password.to_owned() })
}
