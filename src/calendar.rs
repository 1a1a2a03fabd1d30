//! Days, months and how a moment is written: the proleptic Gregorian calendar in UTC. Nothing here reads a clock.

use alloc::{format, string::String};

/// Seconds of a day; UTC as computers count it has no leap seconds.
pub(crate) const DAY: u64 = 86_400;

/// Year, month (1 to 12) and day of a count of days since 1970-01-01.
pub(crate) fn civil(days: u64) -> (u64, u64, u64) {
    // Days since March of the year 0: a year then ends with its leap day.
    let days = days.saturating_add(719_468);
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let date = day - (153 * month + 2) / 5 + 1;
    let (year, month) = (year + era * 400, if month < 10 { month + 3 } else { month - 9 });
    (if month <= 2 { year + 1 } else { year }, month, date)
}

/// The first day of the month in which this day lies, and of the one after it.
pub(crate) fn month(days: u64) -> (u64, u64) {
    let (_, _, date) = civil(days);
    let first = days.saturating_sub(date.saturating_sub(1));
    let next = (28..=31).map(|length| first.saturating_add(length)).find(|day| civil(*day).2 == 1);
    (first, next.unwrap_or_else(|| first.saturating_add(31)))
}

/// `2026-11-28 00:00 UTC`.
pub(crate) fn minute(unix_seconds: u64) -> String {
    let (year, month, date) = civil(unix_seconds / DAY);
    let (hour, minute) = (unix_seconds % DAY / 3600, unix_seconds / 60 % 60);
    format!("{year:04}-{month:02}-{date:02} {hour:02}:{minute:02} UTC")
}

/// `2026-11-27T15:41:29.123Z`.
pub(crate) fn timestamp(unix_ms: u64) -> String {
    let (seconds, ms) = (unix_ms / 1000, unix_ms % 1000);
    let (year, month, date) = civil(seconds / DAY);
    let (hour, minute, second) = (seconds % DAY / 3600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{date:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_people_write_them() {
        for (ms, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_795_794_089_123, "2026-11-27T15:41:29.123Z"),
            (4_107_542_399_999, "2100-02-28T23:59:59.999Z"),
        ] {
            assert_eq!(timestamp(ms), text);
        }
        assert_eq!(minute(1_795_794_089), "2026-11-27 15:41 UTC");
    }

    #[test]
    fn months_follow_each_other_without_a_gap() {
        let (mut first, mut count) = (0, 0);
        // To the end of 2399, leap years of every kind included.
        while first < 157_054 {
            let (same, next) = month(first);
            assert_eq!(same, first, "{:?}", civil(first));
            assert_eq!(month(next - 1), (first, next), "{:?}", civil(first));
            assert_eq!(civil(next).2, 1);
            (first, count) = (next, count + 1);
        }
        assert_eq!((count, civil(first)), (430 * 12, (2400, 1, 1)));
    }
}
