//! What members do with a chain that they founded: decide.

use salus_e2e::{eventually, Consortium};
use serde_json::json;

const DAY: u64 = 24 * 60 * 60 * 1_000;

#[tokio::test(flavor = "multi_thread")]
async fn what_was_announced_is_enacted_in_its_time_and_not_early_or_called_off() {
    let mut consortium = Consortium::found("delay_days = 1");
    let council = |line: &str| consortium.salus(1, line);
    let decisions = || council("council list").ok()["decisions"].clone();
    let admit = |name: &str, member: u32| {
        let line = format!("org admit {name} --kind laboratory --admin //Member//{member}");
        council(&line).ok()
    };
    assert_eq!(decisions(), json!([]));
    for (name, member, decision) in [("First", 2, 0), ("Second", 3, 1)] {
        let announced = admit(name, member);
        assert_eq!(announced["decision"], decision, "{announced}");
        assert!(
            announced["organisation"].is_null(),
            "nobody is admitted yet"
        );
        let wait = announced["due"].as_u64().zip(announced["moment"].as_u64());
        assert_eq!(wait.map(|(due, now)| due - now), Some(DAY));
    }
    let listed = decisions();
    assert_eq!(
        (&listed[0]["decision"], &listed[1]["decision"]),
        (&json!(0), &json!(1))
    );
    assert_eq!(listed[0]["call"], "Members.admit", "{listed}");
    let name = format!("0x{}", hex::encode("First"));
    assert_eq!(listed[0]["arguments"]["name"], name.as_str());

    let when = salus_client::actions::describe::moment(listed[0]["due"].as_u64().expect("a time"));
    council("council enact 0").fails(1, &format!("can be enacted from {when} on"));
    council("council enact 7")
        .fails(1, "no decision 7 waits")
        .says("salus council list");
    council("council propose cancel 7").fails(1, "no decision 7 waits");

    let cancelled = council("council propose cancel 0").ok();
    assert_eq!(cancelled["executed"], true, "{cancelled}");
    assert_eq!(decisions().as_array().map(Vec::len), Some(1));
    assert_eq!(decisions()[0]["decision"], 1);
    council("council enact 0").fails(1, "no decision 0 waits");

    consortium.nodes[0].restart_at("+25h");
    let council = |line: &str| consortium.salus(1, line);
    eventually("the chain's clock goes on", 60, || async {
        council("council enact 1").code == 0
    })
    .await;
    let listed = council("org list").ok();
    assert_eq!(listed["organisations"][1]["name"], "Second", "{listed}");
    assert_eq!(council("council list").ok()["decisions"], json!([]));
}
