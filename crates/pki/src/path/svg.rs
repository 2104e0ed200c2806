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
                self.edges.push(Edge { from, to: place, style, failure });
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
                certificate.key_kind(),
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
        let (width, height) = (columns * STEP_X + MARGIN, self.rows.len() * STEP_Y + MARGIN);
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
        let (from_y, to_y) = (from_y + BOX_Y, to_y);
        let mut svg = format!(
            "<line x1=\"{from_x}\" y1=\"{from_y}\" x2=\"{to_x}\" y2=\"{to_y}\" stroke=\"{colour}\" stroke-width=\"2\" \
             stroke-dasharray=\"{dash}\"/>\n"
        );
        if let Some(failure) = &edge.failure {
            let (x, y) = (usize::midpoint(from_x, to_x) + 8, usize::midpoint(from_y, to_y));
            let (text, whole) = (escape(&cut(failure, 46)), escape(failure));
            svg += &format!(
                "<text x=\"{x}\" y=\"{y}\" fill=\"#b00020\"><title>{whole}</title>✗ {text}</text>\n"
            );
        }
        svg
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
