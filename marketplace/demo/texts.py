"""What people write in the demo: nothing in it could tell who a child is."""

OUTCOMES = (
    "More time with other children, and two quiet afternoons a week for the parents.",
    "To go out without fear, and to ask for a break in words or signs.",
    "To get ready for the day without help, one step after the other.",
    "Nights in which everybody in the house sleeps.",
    "To travel to college alone by the end of the year.",
)
ACTIVITIES = (
    "Swimming, cooking together, a walk to the park.",
    "The library, the climbing wall, baking at home.",
    "Buses and trains, shopping from a list, a hot meal afterwards.",
    "Music, sensory play, stretching as the physiotherapist showed.",
)
PORTRAITS = (
    "A cheerful child who loves music and water, and wants somebody patient beside them. Loud places are hard.",
    "Curious, quick and funny. Knows everything about trains. Needs a plan for the day, and time when it changes.",
    "A quiet teenager who draws. Trust grows slowly; shared work helps more than questions.",
    "Smiles at voices they know. Moves little, notices everything. Needs calm hands and warm rooms.",
    "Always in motion, fearless near water and roads. Laughs at jokes, most of all at their own.",
)
RECORDS = {
    "home_support": (
        "Had a snack, did the homework at the kitchen table, then played a board game. Helped to cook pasta.",
        "Lego for an hour, then a bath and a story. Laid the table together.",
        "Practised tying shoes. Baked flapjacks; washed up together afterwards.",
    ),
    "community_support": (
        "Bus to the pool, forty minutes in the water, chips on the way home.",
        "The library and the playground. Fed the ducks; kept well away from the edge of the pond.",
        "Walked to the allotment and planted onions. Met two children from school.",
    ),
    "mentoring": (
        "Talked about the week while repairing the bicycle. Agreed on one thing to try at college.",
        "Climbing wall. Spoke to the trainer alone for the first time.",
        "Looked at bus timetables and planned a trip to the museum.",
    ),
    "waking_night": (
        "Settled at nine. Turned every three hours, suctioning twice. Slept from midnight to six.",
        "Restless until one, then calm. Feeds as in the plan. Observations every two hours, all as usual.",
    ),
    "day_care": ("Morning routine, sensory play, lunch. Rest from one to three.",),
}
EMOTIONS = (
    "Calm and cheerful.",
    "A little tired, then happy.",
    "Proud of what worked.",
    "Anxious at first, relaxed later.",
)
PLAN = {
    "activities_not_to_do": "No screens in the first hour. No dogs. No surprises: changes are announced.",
    "health": "Asthma: the inhaler comes along.",
    "medication": "Two puffs of the blue inhaler when wheezing, as shown at the first visit.",
    "risks": "Runs towards water: hold hands near it, and stay on the inner side of the path.",
    "feedback": "Call the office, or the council's complaints line. Both numbers stand on your page.",
}
REMARKS = (
    "Both workers know the area, and can stay for the whole year.",
    "We can begin on the day you ask for. The family is welcome to meet the workers first.",
    "The same worker each time, a second one who knows the child as back-up.",
)
