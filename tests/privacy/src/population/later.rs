//! What takes others: a doctor who breaks a glass, helpers of somebody whose phone is lost.

use std::{path::PathBuf, sync::Arc};

use super::{
    acts,
    draw::{losers, Drawn, Ending},
    Stage,
};
use crate::truth::Plan;

/// One in so many of those with a plan.
const GLASSES: usize = 3;

pub async fn emergencies(stage: &Stage) {
    let planned: Vec<_> = stage.notes(|notes| {
        let planned = notes
            .owners
            .iter()
            .filter(|(_, (_, drawn))| drawn.plan == Plan::Set && drawn.ending != Ending::Restrict);
        planned.map(|(id, _)| *id).step_by(GLASSES).collect()
    });
    let doctors = &stage.houses.doctors;
    let broken = planned.iter().zip(doctors.iter().cycle());
    futures::future::join_all(broken.map(|(id, doctor)| acts::break_glass(&doctor.own, *id))).await;
}

pub async fn lost_phones(stage: &Stage) {
    let lost: Vec<_> = stage.notes(|notes| {
        let all: Vec<Drawn> = notes
            .owners
            .values()
            .map(|(_, drawn)| drawn.clone())
            .collect();
        let losers = losers(&all);
        let lost = notes
            .owners
            .iter()
            .filter(|(_, (_, drawn))| drawn.loses_phone);
        lost.map(|(id, (_, drawn))| {
            let mut shares = notes.shares[id].clone();
            shares.retain(|(helper, _)| !losers.contains(helper));
            (*id, drawn.person, shares)
        })
        .collect()
    });
    let replaced = lost.into_iter().map(|(id, person, shares)| async move {
        let world = &stage.houses.world;
        let name = format!("phone-{person}");
        let (profile, unlocked) = world.profile(&name);
        // The person has the same address as before.
        let url = stage.people[&person].client.chain.url().to_owned();
        let phone = world.person_at(&name, &url).await;
        let help = |place: usize| -> (usize, PathBuf) { shares[place].clone() };
        let ((one, first), (other, second)) = (help(0), help(1));
        let helpers = [
            (&*stage.people[&one].client, first.as_path()),
            (&*stage.people[&other].client, second.as_path()),
        ];
        acts::replace_phone(&phone, (&profile, &unlocked), id, helpers).await;
        let phone = phone.acting_for(id).expect("the folder is ours");
        let phone = Arc::new(phone);
        stage.notes(|notes| notes.owners.get_mut(&id).expect("it has lived").0 = phone);
    });
    futures::future::join_all(replaced).await;
}
