//! Drawings of a run, as SVG.

mod scale;

use std::fmt::Write;

use waypost_wire::Instant;

use crate::Series;
use scale::{Scale, number};

const WIDTH: f64 = 900.0;
/// One panel, its title and the numbers below included.
const PANEL_HEIGHT: f64 = 230.0;
const LEFT: f64 = 80.0;
const RIGHT: f64 = 180.0;
const TOP: f64 = 34.0;
const BOTTOM: f64 = 44.0;
/// Lines of a panel have these colours in turn (Okabe and Ito, 2008): they can be told apart by all.
const COLOURS: [&str; 7] = [
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000",
];
/// Names in the legend are cut to so many letters.
const NAME_MAX: usize = 22;

/// A drawing of series over time: one panel for each unit, one below the other, over the same time.
///
/// ```
/// use waypost_sim::{Plot, Series};
/// use waypost_wire::Instant;
///
/// let mut rtt = Series::new("rtt of a", "ms");
/// for (at, value) in [(0, 20.0), (1, 25.0), (2, 180.0), (3, 22.0)] {
///     rtt.push(Instant::from_secs(at), value);
/// }
/// let svg = Plot::new("a link that is full for a second").with(&rtt).svg();
/// assert!(svg.starts_with("<svg") && svg.contains("rtt of a") && svg.contains("time (s)"));
/// ```
#[derive(Clone, Debug)]
pub struct Plot {
    title: String,
    panels: Vec<Panel>,
}

#[derive(Clone, Debug)]
struct Panel {
    unit: &'static str,
    lines: Vec<Series>,
}

impl Plot {
    /// A drawing without lines.
    pub fn new(title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            panels: Vec::new(),
        }
    }

    /// Adds a line, to the panel of its unit.
    #[must_use]
    pub fn with(self, series: &Series) -> Self {
        let name = series.name().to_owned();
        self.with_named(name, series)
    }

    /// Adds a line under another name.
    #[must_use]
    pub fn with_named(mut self, name: impl Into<String>, series: &Series) -> Self {
        let line = series.renamed(name.into());
        let unit = line.unit();
        match self.panels.iter_mut().find(|panel| panel.unit == unit) {
            Some(panel) => panel.lines.push(line),
            None => self.panels.push(Panel {
                unit,
                lines: vec![line],
            }),
        }
        self
    }

    /// The drawing, as a file to be looked at with a browser. The same series give the same octets.
    pub fn svg(&self) -> String {
        let lines = self.panels.iter().flat_map(|panel| &panel.lines);
        let times = lines.flat_map(|line| line.points().iter().map(|(at, _)| seconds(*at)));
        let time = Scale::over(times, false);
        let height = TOP + PANEL_HEIGHT * self.panels.len().max(1) as f64;
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" \
             viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" font-size=\"12\">\n\
             <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
        );
        text(
            &mut svg,
            LEFT,
            22.0,
            "start",
            " font-size=\"16\"",
            &self.title,
        );
        for (place, panel) in self.panels.iter().enumerate() {
            panel.draw(&mut svg, TOP + PANEL_HEIGHT * place as f64, &time);
        }
        svg.push_str("</svg>\n");
        svg
    }
}

impl Panel {
    fn draw(&self, svg: &mut String, top: f64, time: &Scale) {
        let values = self.lines.iter().flat_map(|line| line.points());
        let values = Scale::over(values.map(|(_, value)| *value), true);
        let (right, top, bottom) = (WIDTH - RIGHT, top + 16.0, top + PANEL_HEIGHT - BOTTOM);
        let x = |at: f64| LEFT + time.place(at) * (right - LEFT);
        let y = |value: f64| bottom - values.place(value) * (bottom - top);
        for tick in values.ticks() {
            let (y, label) = (y(tick), values.label(tick));
            line(svg, "#dddddd", (LEFT, y), (right, y));
            text(svg, LEFT - 6.0, y + 4.0, "end", "", &label);
        }
        for tick in time.ticks() {
            let (x, label) = (x(tick), time.label(tick));
            line(svg, "#dddddd", (x, top), (x, bottom));
            text(svg, x, bottom + 16.0, "middle", "", &label);
        }
        line(svg, "black", (LEFT, top), (LEFT, bottom));
        line(svg, "black", (LEFT, bottom), (right, bottom));
        let unit = values.unit(self.unit);
        text(svg, LEFT, top - 6.0, "start", "", &unit);
        let unit = format!("time ({})", time.unit("s"));
        text(svg, right, bottom + 32.0, "end", "", &unit);
        for (number, series) in self.lines.iter().enumerate() {
            let colour = COLOURS[number % COLOURS.len()];
            // Beyond the colours, lines are dashed.
            let dash = match number / COLOURS.len() {
                0 => String::new(),
                turn => format!(" stroke-dasharray=\"{} 3\"", 3 * turn),
            };
            let style = format!("fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.5\"{dash}");
            let points = series.points().iter();
            let places: Vec<_> = points
                .filter(|(_, value)| value.abs() < 1e200)
                .map(|(at, value)| format!("{:.1},{:.1}", x(seconds(*at)), y(*value)))
                .collect();
            // Writing to a string does not fail.
            let _ = match places.as_slice() {
                // A line from a place to itself has no length, and is not shown.
                [first, rest @ ..] if rest.iter().all(|place| place == first) => {
                    let (x, y) = first.split_once(',').unwrap_or_default();
                    writeln!(
                        svg,
                        "<circle cx=\"{x}\" cy=\"{y}\" r=\"2.5\" fill=\"{colour}\"/>"
                    )
                }
                places => writeln!(svg, "<polyline points=\"{}\" {style}/>", places.join(" ")),
            };
            let row = top + 6.0 + 16.0 * number as f64;
            if row < bottom + 40.0 {
                let begin = right + 12.0;
                let _ = writeln!(
                    svg,
                    "<polyline points=\"{begin},{row} {},{row}\" {style}/>",
                    begin + 18.0
                );
                let name: String = series.name().chars().take(NAME_MAX).collect();
                text(svg, begin + 24.0, row + 4.0, "start", "", &name);
            }
        }
    }
}

fn seconds(at: Instant) -> f64 {
    (at - Instant::ZERO).as_secs_f64()
}

fn line(svg: &mut String, colour: &str, from: (f64, f64), to: (f64, f64)) {
    let _ = writeln!(
        svg,
        "<line x1=\"{}\" y1=\"{}\" x2=\"{}\" y2=\"{}\" stroke=\"{colour}\"/>",
        number(from.0),
        number(from.1),
        number(to.0),
        number(to.1)
    );
}

fn text(svg: &mut String, x: f64, y: f64, anchor: &str, style: &str, text: &str) {
    let text = text
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    let _ = writeln!(
        svg,
        "<text x=\"{}\" y=\"{}\" text-anchor=\"{anchor}\"{style}>{text}</text>",
        number(x),
        number(y)
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(name: &str, unit: &'static str, points: &[(u64, f64)]) -> Series {
        let mut series = Series::new(name, unit);
        for (at, value) in points {
            series.push(Instant::from_millis(*at), *value);
        }
        series
    }

    #[test]
    fn each_unit_has_a_panel_and_each_line_a_name() {
        let rate = series("rate <a>", "bit/s", &[(0, 0.0), (500, 2e6), (1000, 1e6)]);
        let rtt = series("rtt", "ms", &[(100, 3.0), (900, 4.0)]);
        let plot = Plot::new("x & y")
            .with(&rate)
            .with(&rtt)
            .with_named("again", &rtt);
        assert_eq!(plot.panels.len(), 2);
        let svg = plot.svg();
        for wanted in [
            "Mbit/s",
            "ms",
            "rate &lt;a&gt;",
            "again",
            "x &amp; y",
            "time (s)",
            ">0.5<",
        ] {
            assert!(svg.contains(wanted), "{wanted} in {svg}");
        }
        assert_eq!(svg.matches("<polyline").count(), 6);
        assert!(!svg.contains("NaN") && !svg.contains("inf"));
    }

    #[test]
    fn nothing_and_a_single_point_can_be_drawn() {
        let none = series("none", "s", &[]);
        let one = series("one", "s", &[(5, 7.0)]);
        let odd = series("odd", "%", &[(0, f64::NAN), (1, f64::INFINITY)]);
        for plot in [
            Plot::new(""),
            Plot::new("").with(&none),
            Plot::new("").with(&one).with(&odd),
        ] {
            let svg = plot.svg();
            assert!(svg.ends_with("</svg>\n") && !svg.contains("NaN") && !svg.contains("inf"));
        }
    }

    #[test]
    fn a_line_without_length_is_a_dot() {
        let dots = |points: &[(u64, f64)]| {
            let svg = Plot::new("").with(&series("s", "ms", points)).svg();
            // The other polyline is that of the legend.
            (
                svg.matches("<circle").count(),
                svg.matches("<polyline").count() - 1,
            )
        };
        assert_eq!(dots(&[(5, 7.0)]), (1, 0));
        assert_eq!(dots(&[(5, 7.0), (5, 7.0)]), (1, 0));
        // What cannot be drawn is no second point.
        assert_eq!(dots(&[(5, 7.0), (6, f64::NAN)]), (1, 0));
        assert_eq!(dots(&[(5, 7.0), (6, 7.0)]), (0, 1));
        // At 5 ms of an axis from 5 to 10, and at 7 of one from 0 to 8.
        let svg = Plot::new("").with(&series("s", "ms", &[(5, 7.0)])).svg();
        let dot = "<circle cx=\"80.0\" cy=\"71.2\" r=\"2.5\" fill=\"#0072b2\"/>";
        assert!(svg.contains(dot), "{svg}");
    }
}
