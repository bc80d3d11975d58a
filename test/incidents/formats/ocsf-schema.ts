/** OCSF 1.8.0 class 2004 as far as lymph writes it: strict, so that an attribute the class does not have is found. */
import { z } from 'zod'

const time = z.int().min(0)
const text = z.string()
const file = z.strictObject({
  name: text,
  path: text,
  type_id: z.literal(1),
  hashes: z
    .array(
      z.strictObject({
        algorithm_id: z.literal(3),
        algorithm: z.literal('SHA-256'),
        value: z.string().regex(/^[0-9a-f]{64}$/),
      }),
    )
    .optional(),
})

export const ocsfSchema = z
  .strictObject({
    activity_id: z.union([z.literal(1), z.literal(2), z.literal(3)]),
    activity_name: z.enum(['Create', 'Update', 'Close']),
    category_uid: z.literal(2),
    category_name: z.literal('Findings'),
    class_uid: z.literal(2004),
    class_name: z.literal('Detection Finding'),
    type_uid: z.int(),
    time,
    start_time: time,
    end_time: time,
    severity_id: z.int().min(0).max(6),
    severity: z.enum(['Low', 'Medium', 'High']),
    status_id: z.union([z.literal(1), z.literal(3), z.literal(4)]),
    status: z.enum(['New', 'Suppressed', 'Resolved']),
    is_alert: z.boolean(),
    confidence_score: z.int().min(0).max(100),
    count: z.int().min(1),
    message: text,
    metadata: z.strictObject({
      version: z.literal('1.8.0'),
      uid: text,
      product: z.strictObject({ name: text, vendor_name: text, version: text }),
      profiles: z.array(text),
    }),
    finding_info: z.strictObject({
      uid: text,
      title: text,
      types: z.array(text).min(1),
      created_time: time,
      first_seen_time: time,
      last_seen_time: time,
      analytic: z.strictObject({
        type_id: z.literal(2),
        type: z.literal('Behavioral'),
        name: text,
        uid: text,
      }),
    }),
    anomaly_analyses: z
      .array(
        z.strictObject({
          analysis_targets: z.array(z.strictObject({ name: text, type: text })).min(1),
          anomalies: z
            .array(
              z.strictObject({
                observation_parameter: text,
                observation_type: text,
                observed_pattern: text,
                observations: z.array(z.strictObject({ value: text })),
              }),
            )
            .min(1),
        }),
      )
      .min(1),
    evidences: z.array(
      z.strictObject({ process: z.strictObject({ pid: z.int().optional(), name: text, file }) }),
    ),
    device: z.strictObject({
      hostname: text,
      uid: text,
      type_id: z.literal(0),
      os: z.strictObject({ name: text, type_id: z.literal(200), version: text }),
    }),
    unmapped: z.record(z.string(), z.unknown()),
  })
  .refine(({ type_uid, class_uid, activity_id }) => type_uid === class_uid * 100 + activity_id, 'type_uid')
