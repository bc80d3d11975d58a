/**
 * Every number of the model of one observable (docs/reference/week-model.md). One set for all observables: nothing is
 * tuned per observable. Where a unit is not given, it is samples.
 */

/** A slot, and the sample that belongs to it: five minutes, as cfengine has them. ms */
export const SLOT_MS = 300_000
export const DAY_SLOTS = 288
export const WEEK_SLOTS = 2016

/** What is remembered: 8 weeks of samples. */
export const MEMORY = 16_128
/** Room behind the memory, so that it is moved once in so many samples. */
export const SPARE = 1024

/** S above this is an alarm. */
export const THRESHOLD = 5.4
/** No alarm before a day has been seen. */
export const FIRST_DAY = 288
/** No other alarm for an hour after one. */
export const HOLD = 12
/** What the last surprise weighs halves in 18 hours. */
export const IMPRESSION_HALF_LIFE = 216

/** Entries of a list of largest statistics that count: 1 % of MEMORY. */
export const TOP = 160
/** A list is made of blocks of a week: the 8 of the memory, and the one being filled. */
export const BLOCK_SAMPLES = 2016
export const BLOCKS = 9
/** Entries a block keeps, 5.6 % of it. At most 255. */
export const BLOCK_TOP = 112
/** The share of samples the tail is fitted to. */
export const TAIL_SHARE = 0.01
export const TAIL_LEAST = 5
/** Shape of the generalised Pareto tail. */
export const TAIL_SHAPE = 0.25
/** A list says nothing before it has seen so many. */
export const TAIL_WARM = 30
/** What counts as no difference, as a share of the value. */
export const RELATIVE_FLOOR = 0.001

/** Samples before the two latest whose mean is the third figure of a precedent. */
export const BACKGROUND = 12
/** Residuals in the sustained view R. */
export const SUSTAINED = 6

/** Slots on each side, and width, of the kernel an expectation is smoothed with. */
export const KERNEL_REACH = 6
export const KERNEL_WIDTH = 2
export const DAY_WEIGHT = 0.1
export const WEEK_WEIGHT = 0.3
/** Counts of visits to a slot stop here. */
export const COUNT_MOST = 10
/** What the day's mean weighs against the week's, in visits. */
export const DAY_PRIOR = 3
/** No expectation where the smoothed count of the day is not above this. */
export const KNOWN_LEAST = 0.1

/** Half-life of the mean sign and mean of residuals that make a new level, and the sign that does. */
export const LEVEL_HALF_LIFE = 144
export const LEVEL_SIGN = 0.9
/** A new level is at least so many dev1 bounds away. */
export const LEVEL_LEAST = 0.5

/** Shares of |r| above the bounds of dev1 and dev2, and the step of their walk. */
export const DEV1_SHARE = 0.3173
export const DEV2_SHARE = 0.0455
export const QUANTILE_STEP = 0.03
/** First residuals the bounds start from, and which of them, sorted. */
export const QUANTILE_START = 50
export const DEV1_RANK = 35
export const DEV2_RANK = 48
/** q_r of three standard deviations: -ln 0.0027. */
export const DEV3_SURPRISE = 5.91

/** A residual moves a slot by no more than so many dev2 bounds, or mean deviations of the value. */
export const LEARN_BOUNDS = 20
export const LEARN_DEVIATIONS = 3
/** And by no more than so many when it is beyond those, and alone. */
export const ONSET_BOUNDS = 1
/** One sample adds to the scale no more than so many times the scale. */
export const SCALE_MOST = 1000

/** Values beyond are no measurement: Float32 ends at 3.4e38. */
export const VALUE_MOST = 1e30
/** What Float32 cannot tell apart is no residual. */
export const RESOLUTION = 1e-6
/** A clock that went this far ahead is believed only after PROBATION samples. ms */
export const JUMP_MS = 4 * 86_400_000
export const PROBATION = 12

/** Stuck: a run of one value longer than 12 samples and 3 times the longest on record, where values have changed at all. */
export const FLAT_LEAST = 12
export const FLAT_TIMES = 3
export const FLAT_CHANGES = 30
