//! Draws what `chain --json` has measured.

use std::{fs, path::PathBuf};

use anyhow::{anyhow, ensure, Context, Result};
use plotters::prelude::*;
use serde_json::{json, Value};

use crate::figures::median;

const SIZE: (u32, u32) = (900, 420);
const COLOURS: [RGBColor; 4] = [
    RGBColor(31, 90, 140),
    RGBColor(224, 138, 44),
    RGBColor(74, 138, 88),
    RGBColor(140, 84, 140),
];

#[derive(clap::Args)]
pub struct Args {
    /// Results of `chain --json`; each file is one colour, named after the file
    #[arg(required = true)]
    results: Vec<PathBuf>,
    /// The SVG file to write
    #[arg(long, short)]
    out: PathBuf,
    /// What is drawn
    #[arg(long, value_enum, default_value = "finalized")]
    figure: Figure,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Figure {
    /// Finalized transactions a second of each workload
    Finalized,
    /// Records or steps finalized a second of each workload
    Operations,
    /// Transactions that are sent and not final, second by second
    Backlog,
}

struct Series {
    name: String,
    values: Vec<(String, f64)>,
}

pub fn run(args: Args) -> Result<(String, Value)> {
    ensure!(
        args.results.len() <= COLOURS.len(),
        "a chart shows at most {} results",
        COLOURS.len()
    );
    let series = args
        .results
        .iter()
        .map(|path| {
            let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
            let results = serde_json::from_str(&text)
                .with_context(|| format!("{} is no result of --json", path.display()))?;
            let name = path.file_stem().unwrap_or_default();
            Ok(Series {
                name: name.to_string_lossy().into_owned(),
                values: values(&results, args.figure)
                    .with_context(|| format!("{} is no result of `chain`", path.display()))?,
            })
        })
        .collect::<Result<Vec<_>>>()?;
    draw(&args, &series).map_err(|error| anyhow!("{}: {error}", args.out.display()))?;
    Ok((
        format!("{}\n", args.out.display()),
        json!({ "chart": args.out }),
    ))
}

/// Medians of all runs, in the order of the workloads; or the seconds of the first run.
fn values(results: &Value, figure: Figure) -> Option<Vec<(String, f64)>> {
    let runs = results.get("runs")?.as_array()?;
    let first = runs.first()?.as_array()?;
    let field = match figure {
        Figure::Finalized => "finalized_per_s",
        Figure::Operations => "operations_per_s",
        Figure::Backlog => {
            let seconds = first.first()?.get("backlog")?.as_array()?;
            let numbered = seconds.iter().enumerate();
            return numbered
                .map(|(second, waiting)| Some((second.to_string(), waiting.as_f64()?)))
                .collect();
        }
    };
    first
        .iter()
        .enumerate()
        .map(|(place, one)| {
            let of_all: Option<Vec<f64>> = runs
                .iter()
                .map(|run| run.get(place)?.get(field)?.as_f64())
                .collect();
            Some((one.get("workload")?.as_str()?.into(), median(&of_all?)?))
        })
        .collect()
}

fn draw(args: &Args, series: &[Series]) -> Result<(), Box<dyn std::error::Error>> {
    let root = SVGBackend::new(&args.out, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let most = series
        .iter()
        .flat_map(|series| &series.values)
        .map(|(_, value)| *value)
        .fold(1.0, f64::max);
    let count = series.iter().map(|series| series.values.len()).max();
    let count = count.unwrap_or_default();
    let (title, unit) = match args.figure {
        Figure::Finalized => ("Finalized transactions", "a second"),
        Figure::Operations => ("Finalized records and steps", "a second"),
        Figure::Backlog => ("Sent and not yet final", "transactions"),
    };
    let mut chart = ChartBuilder::on(&root)
        .caption(title, ("sans-serif", 20))
        .margin(12)
        .x_label_area_size(40)
        .y_label_area_size(64)
        .build_cartesian_2d(0f64..count as f64, 0f64..most * 1.15)?;
    let names: Vec<&str> = series
        .first()
        .map(|series| {
            series
                .values
                .iter()
                .map(|(name, _)| name.as_str())
                .collect()
        })
        .unwrap_or_default();
    let lines = matches!(args.figure, Figure::Backlog);
    chart
        .configure_mesh()
        .disable_x_mesh()
        .y_desc(unit)
        .x_desc(if lines { "second" } else { "" })
        .x_labels(if lines { 11 } else { 0 })
        .draw()?;
    for (place, one) in series.iter().enumerate() {
        let colour = COLOURS[place];
        let drawn = if lines {
            let points = one.values.iter().enumerate();
            let points = points.map(|(second, (_, waiting))| (second as f64, *waiting));
            chart.draw_series(LineSeries::new(points, colour.stroke_width(2)))?
        } else {
            let width = 0.8 / series.len() as f64;
            let left = |workload: usize| workload as f64 + 0.1 + place as f64 * width;
            let bars = one.values.iter().enumerate().map(|(workload, (_, value))| {
                let corners = [
                    (left(workload), 0.0),
                    (left(workload) + width * 0.92, *value),
                ];
                Rectangle::new(corners, colour.filled())
            });
            let labels = one.values.iter().enumerate().map(|(workload, (_, value))| {
                let at = (left(workload), value + most * 0.04);
                Text::new(format!("{value:.0}"), at, ("sans-serif", 12))
            });
            chart.draw_series(labels)?;
            chart.draw_series(bars)?
        };
        drawn
            .label(&one.name)
            .legend(move |(x, y)| Rectangle::new([(x, y - 5), (x + 12, y + 5)], colour.filled()));
    }
    if !lines {
        for (workload, name) in names.iter().enumerate() {
            let at = (workload as f64 + 0.1, -most * 0.03);
            chart
                .plotting_area()
                .draw(&Text::new(name.to_string(), at, ("sans-serif", 13)))?;
        }
    }
    if series.len() > 1 {
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperRight)
            .border_style(BLACK)
            .background_style(WHITE)
            .draw()?;
    }
    root.present()?;
    Ok(())
}
