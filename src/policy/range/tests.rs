use super::*;

fn held<'a>(range: &Range, versions: &[&'a str]) -> Vec<&'a str> {
    versions.iter().copied().filter(|text| range.holds(&Version::parse(text).expect("a version")).is_ok()).collect()
}

#[test]
fn ranges_mean_what_masterminds_means() {
    let table = include_str!("../../../testdata/policy/masterminds-3.4.tsv");
    let mut lines = table.lines().skip(1);
    let versions: Vec<&str> = lines.next().expect("the versions").trim_start_matches("# ").split(' ').collect();
    let mut differences = Vec::new();
    for line in lines {
        let (text, expected) = line.split_once('\t').expect("a tab");
        let found = Range::parse(text).map_or("malformed".to_owned(), |range| held(&range, &versions).join(" "));
        if found != expected {
            differences.push(format!("{text:?}\n  expected {expected}\n  found    {found}"));
        }
    }
    assert!(differences.is_empty(), "{} differences\n{}", differences.len(), differences.join("\n"));
}
