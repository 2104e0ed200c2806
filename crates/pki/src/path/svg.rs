//! A drawing of an answer: the path taken, the paths that failed, and the edge at which each of them did.
//!
//! Colours come with words and line styles, so that nothing is told by colour alone; every text of a certificate is
//! escaped, because it is a stranger's.

use std::collections::HashMap;

use crate::certificate::Certificate;
use crate::path::Outcome;
use crate::path::answer::{Answer, Attempt, Step};

/// Draws an answer as an SVG document. The anchors are on top and the certificate in question at the bottom.
pub fn svg(answer: &Answer) -> String {
    let mut drawing = Drawing::default();
    drawing.add(
        &answer.path,
        if answer.outcome == Outcome::Trusted { Style::Taken } else { Style::Nearest },
    );
    for other in answer.others.iter().take(MAX_OTHERS) {
        drawing.add(other, Style::Failed);
    }
    drawing.write(answer)
}

/// Certificates in rows, by their distance from the target, and the edges between them.
#[derive(Default)]
struct Drawing {
    /// Row and column of each certificate.
    places: HashMap<[u8; 32], (usize, usize)>,
    /// What is in each row.
    rows: Vec<Vec<Node>>,
    edges: Vec<Edge>,
}

struct Node {
    title: String,
    subtitle: String,
    is_anchor: bool,
    has_failed: bool,
}

struct Edge {
    from: (usize, usize),
    to: (usize, usize),
    style: Style,
    /// What fails at the lower end.
    failure: Option<String>,
}

/// How an edge is drawn.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Style {
    Taken,
    Nearest,
    Failed,
}

impl Drawing {
    fn add(&mut self, attempt: &Attempt, style: Style) {
        let mut above = None;
        for (depth, step) in attempt.steps.iter().enumerate() {
            let row = attempt.steps.len() - 1 - depth;
            let place = self.place(row, step);
            if let Some(from) = above {
                let failure = step.failures().next();
                let failure = failure.map(|it| format!("{} ({})", it.detail, it.clause));
                // Paths share edges; a second line over the first would only hide what it says.
                let is_same = |it: &Edge| (it.from, it.to, &it.failure) == (from, place, &failure);
                if !self.edges.iter().any(is_same) {
                    self.edges.push(Edge { from, to: place, style, failure });
                }
            }
            above = Some(place);
        }
    }

    fn place(&mut self, row: usize, step: &Step) -> (usize, usize) {
        let certificate = &step.certificate;
        if let Some(place) = self.places.get(&certificate.fingerprint()) {
            return *place;
        }
        while self.rows.len() <= row {
            self.rows.push(Vec::new());
        }
        let Some(nodes) = self.rows.get_mut(row) else { return (0, 0) };
        nodes.push(Node {
            title: short_name(certificate),
            subtitle: format!(
                "{} · serial {}",
                cut(&certificate.key_kind(), 22),
                cut(&certificate.serial_hex(), 12)
            ),
            is_anchor: step.is_anchor,
            has_failed: step.failures().next().is_some(),
        });
        let place = (row, nodes.len() - 1);
        self.places.insert(certificate.fingerprint(), place);
        place
    }

    fn write(&self, answer: &Answer) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(1);
        // What fails is written right of its edge, which may be in the last column.
        let labels = self.edges.iter().filter(|edge| edge.failure.is_some());
        let ends = labels.map(|edge| self.label(edge).0 + LABEL_X + MARGIN / 2);
        let width = ends.fold(columns * STEP_X + MARGIN, usize::max);
        let height = self.rows.len() * STEP_Y + MARGIN;
        let heading = answer.to_string();
        let heading = heading.lines().next().unwrap_or_default();
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" font-size=\"13\">\n\
             <title>{}</title>\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n",
            escape(heading)
        );
        for edge in &self.edges {
            svg += &self.edge(edge);
        }
        // Later things lie over earlier ones, and no line may go through a word.
        for edge in &self.edges {
            svg += &self.failure(edge);
        }
        for (row, nodes) in self.rows.iter().enumerate() {
            for (column, node) in nodes.iter().enumerate() {
                svg += &self.node((row, column), node);
            }
        }
        svg + "</svg>\n"
    }

    fn edge(&self, edge: &Edge) -> String {
        let ((from_x, from_y), (to_x, to_y)) = (self.point(edge.from), self.point(edge.to));
        let (colour, dash) = match (edge.style, &edge.failure) {
            (_, Some(_)) => ("#b00020", "6 4"),
            (Style::Taken, None) => ("#0b6e4f", "none"),
            (Style::Nearest | Style::Failed, None) => ("#6b7280", "2 3"),
        };
        let from_y = from_y + BOX_Y;
        format!(
            "<line x1=\"{from_x}\" y1=\"{from_y}\" x2=\"{to_x}\" y2=\"{to_y}\" stroke=\"{colour}\" stroke-width=\"2\" \
             stroke-dasharray=\"{dash}\"/>\n"
        )
    }

    /// Writes beside an edge what fails at its lower end.
    fn failure(&self, edge: &Edge) -> String {
        let Some(failure) = &edge.failure else { return String::new() };
        let (x, middle) = self.label(edge);
        let lines = wrapped(&format!("✗ {failure}"));
        // The middle of the lines is the middle of the edge; letters stand on their line.
        let top = (middle + LINE_Y).saturating_sub(lines.len() * LINE_Y / 2 + LABEL_SIZE / 3);
        // White behind the words, so that the line of another edge does not go through them.
        let widest = lines.iter().map(|line| line.chars().count()).max().unwrap_or(0);
        let (back, from_y) = (widest * LABEL_X / LINE, top.saturating_sub(LABEL_SIZE));
        let tall = lines.len() * LINE_Y;
        let mut svg = format!(
            "<rect x=\"{x}\" y=\"{from_y}\" width=\"{back}\" height=\"{tall}\" fill=\"#ffffff\" \
             fill-opacity=\"0.85\"/>\n<text fill=\"#b00020\" font-size=\"{LABEL_SIZE}\"><title>{}</title>",
            escape(failure)
        );
        for (number, line) in lines.iter().enumerate() {
            let y = top + number * LINE_Y;
            svg += &format!("<tspan x=\"{x}\" y=\"{y}\">{}</tspan>", escape(line));
        }
        svg + "</text>\n"
    }

    /// Returns where the text beside an edge begins, and the height at which its middle is.
    fn label(&self, edge: &Edge) -> (usize, usize) {
        let ((from_x, from_y), (to_x, to_y)) = (self.point(edge.from), self.point(edge.to));
        (usize::midpoint(from_x, to_x) + 8, usize::midpoint(from_y + BOX_Y, to_y))
    }

    fn node(&self, place: (usize, usize), node: &Node) -> String {
        let (x, y) = self.point(place);
        let left = x - BOX_X / 2;
        let (fill, stroke) = match (node.is_anchor, node.has_failed) {
            (_, true) => ("#fdecee", "#b00020"),
            (true, false) => ("#e7f3ef", "#0b6e4f"),
            (false, false) => ("#f3f4f6", "#374151"),
        };
        let mark = if node.is_anchor { "⚓ " } else { "" };
        let (title, subtitle) = (escape(&cut(&node.title, 28)), escape(&node.subtitle));
        let (whole, title_y, subtitle_y) = (escape(&node.title), y + 22, y + 40);
        format!(
            "<g><title>{whole}</title><rect x=\"{left}\" y=\"{y}\" width=\"{BOX_X}\" height=\"{BOX_Y}\" rx=\"6\" fill=\"{fill}\" \
             stroke=\"{stroke}\"/><text x=\"{x}\" y=\"{title_y}\" text-anchor=\"middle\">{mark}{title}</text><text x=\"{x}\" \
             y=\"{subtitle_y}\" text-anchor=\"middle\" font-size=\"11\" fill=\"#4b5563\">{subtitle}</text></g>\n"
        )
    }

    /// Returns the middle of the upper edge of a box; the first row is at the bottom.
    fn point(&self, (row, column): (usize, usize)) -> (usize, usize) {
        let from_top = self.rows.len().saturating_sub(row + 1);
        (MARGIN / 2 + column * STEP_X + STEP_X / 2, MARGIN / 2 + from_top * STEP_Y)
    }
}

/// Returns the last part of a subject, which says most.
fn short_name(certificate: &Certificate) -> String {
    let subject = certificate.subject();
    let first = subject.split(',').next().unwrap_or_default();
    let name = first.split_once('=').map_or(first, |(_, value)| value);
    if name.is_empty() { "(no name)".to_owned() } else { name.to_owned() }
}

fn cut(text: &str, length: usize) -> String {
    if text.chars().count() <= length {
        return text.to_owned();
    }
    text.chars().take(length - 1).chain(['…']).collect()
}

/// Breaks a text into lines at spaces, or within a word that is longer than a line; what is left over is cut off.
fn wrapped(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        for piece in word.chars().collect::<Vec<_>>().chunks(LINE) {
            let Some(line) = lines.last_mut() else { break };
            let length = line.chars().count();
            if length > 0 && length + 1 + piece.len() > LINE {
                lines.push(piece.iter().collect());
            } else {
                line.extend((length > 0).then_some(' ').iter().chain(piece));
            }
        }
    }
    if lines.len() > MAX_LINES {
        lines.truncate(MAX_LINES);
        if let Some(last) = lines.last_mut() {
            *last = last.chars().take(LINE - 1).chain(['…']).collect();
        }
    }
    lines
}

fn escape(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut safe, character| {
        match character {
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '&' => safe.push_str("&amp;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            control if control.is_control() => safe.push('\u{fffd}'),
            other => safe.push(other),
        }
        safe
    })
}

/// Paths drawn beside the one taken; more would be a thicket.
const MAX_OTHERS: usize = 8;
const STEP_X: usize = 280;
const STEP_Y: usize = 110;
const BOX_X: usize = 230;
const BOX_Y: usize = 52;
const MARGIN: usize = 40;
/// Size of the letters beside an edge.
const LABEL_SIZE: usize = 12;
/// From one line beside an edge to the next; four of them fill what is free between two boxes.
const LINE_Y: usize = 14;
const MAX_LINES: usize = 4;
/// Characters of a line beside an edge.
const LINE: usize = 36;
/// Room for a line of them: two thirds of their size is more than letters are wide on average.
const LABEL_X: usize = LINE * LABEL_SIZE * 2 / 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_broken_and_lose_nothing_that_fits() {
        for (text, lines) in [
            ("", &[""][..]),
            ("one two", &["one two"]),
            (
                "was revoked on 2026-05-01T00:00:00Z, because its key was compromised",
                &["was revoked on 2026-05-01T00:00:00Z,", "because its key was compromised"],
            ),
        ] {
            assert_eq!(wrapped(text), lines);
        }
        let word = "ü".repeat(LINE + 1);
        assert_eq!(wrapped(&word), ["ü".repeat(LINE), "ü".to_owned()]);
        let endless = wrapped(&"word ".repeat(1000));
        assert_eq!(endless.len(), MAX_LINES);
        assert!(endless.iter().all(|line| line.chars().count() <= LINE), "{endless:?}");
        assert!(endless[MAX_LINES - 1].ends_with('…'));
    }
}
