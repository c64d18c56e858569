//! How people write times, accounts and names of things.

use anyhow::{anyhow, bail};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use salus_client::actions::{purpose_code, sharing::Who, PURPOSES};
use salus_client::files::unixfs;
use salus_client::keys::{parse_account, AccountKey};
use salus_client::taxonomy::{Category, Sensitivity};
use salus_primitives::{
    AccountId, Balance, Cid, ClinicianRole, ControllerRole, Moment, OrganisationKind, Purpose,
};

const UNITS: [(char, Moment); 6] = [
    ('s', 1_000),
    ('m', 60_000),
    ('h', 3_600_000),
    ('d', 86_400_000),
    ('w', 7 * 86_400_000),
    ('y', 365 * 86_400_000),
];

/// `90s`, `30m`, `12h`, `7d`, `2w`, `1y`, in milliseconds.
pub fn duration(text: &str) -> anyhow::Result<Moment> {
    let malformed = || anyhow!("expected a number and a unit, such as 90s, 30m, 12h, 7d, 2w or 1y");
    let unit = text.chars().last().ok_or_else(malformed)?;
    let (_, factor) = UNITS
        .into_iter()
        .find(|(known, _)| *known == unit)
        .ok_or_else(malformed)?;
    let number: Moment = text[..text.len() - unit.len_utf8()]
        .parse()
        .map_err(|_| malformed())?;
    match number.checked_mul(factor) {
        Some(0) => bail!("a duration of nothing: give a longer one"),
        Some(duration) => Ok(duration),
        None => bail!("too long"),
    }
}

/// Credits: a whole number, not nothing.
pub fn amount(text: &str) -> anyhow::Result<Balance> {
    match text.parse() {
        Ok(0) => bail!("an amount of nothing: give a higher one"),
        Ok(amount) => Ok(amount),
        Err(_) => bail!("expected a whole number of credits, such as 100"),
    }
}

/// A moment in time: absolute, or counted from when it is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    At(Moment),
    In(Moment),
}

impl When {
    pub fn from(self, now: Moment) -> Moment {
        match self {
            When::At(moment) => moment,
            When::In(duration) => now.saturating_add(duration),
        }
    }
}

/// `2026-05-01`, `2026-05-01T09:30:00Z`, or `+2d`.
pub fn when(text: &str) -> anyhow::Result<When> {
    match text.strip_prefix('+') {
        Some(text) => duration(text).map(When::In),
        None => moment(text).map(When::At),
    }
}

fn moment(text: &str) -> anyhow::Result<Moment> {
    let malformed = || anyhow!("expected 2026-05-01, 2026-05-01T09:30:00Z or +2d");
    let (date, time) = match text.split_once('T') {
        Some((date, time)) => (date, time.strip_suffix('Z').ok_or_else(malformed)?),
        None => (text, "00:00:00"),
    };
    let numbers = |text: &str, separator: char| -> Option<Vec<u64>> {
        let digits =
            |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        let parts: Vec<&str> = text.split(separator).collect();
        match parts.iter().all(digits) {
            true => parts.iter().map(|part| part.parse().ok()).collect(),
            false => None,
        }
    };
    let date = numbers(date, '-').ok_or_else(malformed)?;
    let time = numbers(time, ':').ok_or_else(malformed)?;
    let ([year, month, day], [hour, minute, second]) = (date.as_slice(), time.as_slice()) else {
        return Err(malformed());
    };
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 => 28 + u64::from(leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    let valid = (1970..=9999).contains(year)
        && (1..=12).contains(month)
        && (1..=days).contains(day)
        && *hour < 24
        && *minute < 60
        && *second < 60;
    if !valid {
        return Err(malformed());
    }
    // Days since 1970 in the proleptic Gregorian calendar, years beginning in March (H. Hinnant).
    let (y, m) = match month {
        1 | 2 => (year - 1, month + 9),
        _ => (*year, month - 3),
    };
    let era_days = (y / 400) * 146_097;
    let year_of_era = y % 400;
    let day_of_year = (153 * m + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    let days = era_days + day_of_era - 719_468;
    Ok(((days * 24 + hour) * 60 + minute) * 60_000 + second * 1_000)
}

/// An SS58 address, 32 bytes in hexadecimal, or a development key such as `//Bob`.
pub fn account(text: &str) -> Result<AccountId, salus_client::Error> {
    match text.starts_with("//") {
        true => Ok(AccountKey::from_uri(text)?.account()),
        false => parse_account(text),
    }
}

/// The usual text of a CID, `bafy…`.
pub fn cid(text: &str) -> Result<Cid, salus_client::Error> {
    unixfs::to_chain(&unixfs::parse_text(text)?)
}

/// An account, or `org:3`.
pub fn who(text: &str) -> anyhow::Result<Who> {
    match text.strip_prefix("org:") {
        Some(number) => number
            .parse()
            .map(Who::Organisation)
            .map_err(|_| anyhow!("expected org: and a number, such as org:3")),
        None => Ok(Who::Account(account(text)?)),
    }
}

pub fn category() -> impl TypedValueParser<Value = Category> {
    PossibleValuesParser::new(Category::ALL.iter().map(|category| category.slug()))
        .try_map(|text| text.parse::<Category>())
}

pub fn sensitivity() -> impl TypedValueParser<Value = Sensitivity> {
    PossibleValuesParser::new(Sensitivity::ALL.iter().map(|flag| flag.slug()))
        .try_map(|text| text.parse::<Sensitivity>())
}

pub fn one_of<T: Copy + Send + Sync + 'static>(
    words: &'static [(&'static str, T)],
) -> impl TypedValueParser<Value = T> {
    PossibleValuesParser::new(words.iter().map(|(word, _)| *word)).try_map(|text| {
        words
            .iter()
            .find(|(word, _)| word.eq_ignore_ascii_case(&text))
            .map(|(_, value)| *value)
            .ok_or_else(|| anyhow!("unknown word {text}"))
    })
}

pub fn purpose() -> impl TypedValueParser<Value = Purpose> {
    PossibleValuesParser::new(PURPOSES.map(purpose_code)).try_map(|text| {
        PURPOSES
            .into_iter()
            .find(|purpose| purpose_code(*purpose).eq_ignore_ascii_case(&text))
            .ok_or_else(|| anyhow!("unknown purpose {text}"))
    })
}

pub fn organisation_kind() -> impl TypedValueParser<Value = OrganisationKind> {
    one_of(&[
        ("hospital", OrganisationKind::Hospital),
        ("clinic", OrganisationKind::Clinic),
        ("laboratory", OrganisationKind::Laboratory),
        ("pharmacy", OrganisationKind::Pharmacy),
        ("insurer", OrganisationKind::Insurer),
        ("regulator", OrganisationKind::Regulator),
        ("research", OrganisationKind::Research),
    ])
}

pub fn clinician_role() -> impl TypedValueParser<Value = ClinicianRole> {
    one_of(&[
        ("physician", ClinicianRole::Physician),
        ("nurse", ClinicianRole::Nurse),
        ("pharmacist", ClinicianRole::Pharmacist),
        ("laboratorian", ClinicianRole::Laboratorian),
        ("therapist", ClinicianRole::Therapist),
        ("administrator", ClinicianRole::Administrator),
        ("researcher", ClinicianRole::Researcher),
        ("service", ClinicianRole::Service),
    ])
}

pub fn controller_role() -> impl TypedValueParser<Value = ControllerRole> {
    one_of(&[
        ("owner", ControllerRole::Owner),
        ("decider", ControllerRole::Decider),
        ("carer", ControllerRole::Carer),
    ])
}

#[cfg(test)]
mod tests {
    use salus_client::files::manifest::rfc3339;

    use super::*;

    #[test]
    fn durations_are_read_and_nonsense_is_not() {
        assert_eq!(duration("7d").unwrap(), 604_800_000);
        assert_eq!(duration("90s").unwrap(), 90_000);
        assert_eq!(duration("1y").unwrap(), 31_536_000_000);
        for bad in [
            "",
            "7",
            "d",
            "-1d",
            "0d",
            "1.5h",
            "7days",
            "7ä",
            "99999999999999y",
        ] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn amounts_are_whole_and_not_nothing() {
        assert_eq!(amount("100").unwrap(), 100);
        assert_eq!(amount(&u128::MAX.to_string()).unwrap(), u128::MAX);
        for bad in ["", "0", "-1", "1.5", "1e3", "100 credits"] {
            assert!(amount(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn moments_agree_with_how_they_are_written() {
        for text in [
            "1970-01-01T00:00:00Z",
            "2000-02-29T23:59:59Z",
            "2024-12-31T12:00:00Z",
            "2026-03-01T00:00:00Z",
            "2100-02-28T00:00:01Z",
        ] {
            assert_eq!(rfc3339(moment(text).unwrap()), text);
        }
        assert_eq!(
            moment("2026-05-01").unwrap(),
            moment("2026-05-01T00:00:00Z").unwrap()
        );
        for bad in [
            "",
            "2026-13-01",
            "2026-02-29",
            "2026-05-01T24:00:00Z",
            "2026-05-01T09:30:00",
            "1969-12-31",
            "2026-+5-01",
        ] {
            assert!(moment(bad).is_err(), "{bad}");
        }
        assert_eq!(when("+1h").unwrap().from(5), 3_600_005);
    }

    #[test]
    fn people_and_organisations_are_told_apart() {
        let bob = AccountKey::from_uri("//Bob").unwrap();
        assert_eq!(who("//Bob").unwrap(), Who::Account(bob.account()));
        assert_eq!(
            who(&bob.account().to_string()).unwrap(),
            Who::Account(bob.account())
        );
        assert_eq!(who("org:3").unwrap(), Who::Organisation(3));
        for bad in ["", "org:", "org:x", "3", "Bob"] {
            assert!(who(bad).is_err(), "{bad}");
        }
    }
}
