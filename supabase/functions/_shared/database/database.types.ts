export type Json = string | number | boolean | null | { [key: string]: Json | undefined } | Json[];

export type Database = {
  "public": {
    Tables: {
      "agent_beats": {
        Row: {
          "adopting_instances": (string)[];
          "agent_id": string;
          "back_at": string | null;
          "busy": boolean | null;
          "clock_offset_seconds": number | null;
          "copies": (string)[];
          "deadline_from": string | null;
          "deadline_seconds": number | null;
          "heartbeats_count": number;
          "interval_seconds": number;
          "last_instance_id": string | null;
          "last_progress_at": string | null;
          "last_seen_at": string | null;
          "last_seq": number | null;
          "message": string | null;
          "metrics": NonNullable<Json>;
          "online_since": string | null;
          "progress": number | null;
          "revoked_instances": (string)[];
          "rotation_requested_at": string | null;
          "session_epoch": number;
          "status": string | null;
          "agent_copies": Json | null;
        };
        ComputedFields: "agent_copies";
        Insert: {
          "adopting_instances"?: (string)[];
          "agent_id": string;
          "back_at"?: string | null;
          "busy"?: boolean | null;
          "clock_offset_seconds"?: number | null;
          "copies"?: (string)[];
          "deadline_from"?: string | null;
          "deadline_seconds"?: number | null;
          "heartbeats_count"?: number;
          "interval_seconds": number;
          "last_instance_id"?: string | null;
          "last_progress_at"?: string | null;
          "last_seen_at"?: string | null;
          "last_seq"?: number | null;
          "message"?: string | null;
          "metrics"?: NonNullable<Json>;
          "online_since"?: string | null;
          "progress"?: number | null;
          "revoked_instances"?: (string)[];
          "rotation_requested_at"?: string | null;
          "session_epoch"?: number;
          "status"?: string | null;
        };
        Update: {
          "adopting_instances"?: (string)[];
          "agent_id"?: string;
          "back_at"?: string | null;
          "busy"?: boolean | null;
          "clock_offset_seconds"?: number | null;
          "copies"?: (string)[];
          "deadline_from"?: string | null;
          "deadline_seconds"?: number | null;
          "heartbeats_count"?: number;
          "interval_seconds"?: number;
          "last_instance_id"?: string | null;
          "last_progress_at"?: string | null;
          "last_seen_at"?: string | null;
          "last_seq"?: number | null;
          "message"?: string | null;
          "metrics"?: NonNullable<Json>;
          "online_since"?: string | null;
          "progress"?: number | null;
          "revoked_instances"?: (string)[];
          "rotation_requested_at"?: string | null;
          "session_epoch"?: number;
          "status"?: string | null;
        };
        Relationships: [
          {
            foreignKeyName: "agent_beats_agent_id_fkey";
            columns: ["agent_id"];
            isOneToOne: true;
            referencedRelation: "agents";
            referencedColumns: ["id"];
          },
          {
            foreignKeyName: "agent_beats_agent_id_fkey";
            columns: ["agent_id"];
            isOneToOne: true;
            referencedRelation: "fleet";
            referencedColumns: ["id"];
          },
        ];
      };
      "agent_events": {
        Row: {
          "actor": string;
          "address": string | null;
          "agent_id": string | null;
          "agent_name": string | null;
          "detail": NonNullable<Json>;
          "happened_at": string;
          "id": number;
          "kind": string;
          "owner_id": string | null;
          "event_json": Json | null;
        };
        ComputedFields: "event_json";
        Insert: {
          "actor": string;
          "address"?: string | null;
          "agent_id"?: string | null;
          "agent_name"?: string | null;
          "detail"?: NonNullable<Json>;
          "happened_at"?: string;
          "id"?: never;
          "kind": string;
          "owner_id"?: string | null;
        };
        Update: {
          "actor"?: string;
          "address"?: string | null;
          "agent_id"?: string | null;
          "agent_name"?: string | null;
          "detail"?: NonNullable<Json>;
          "happened_at"?: string;
          "id"?: never;
          "kind"?: string;
          "owner_id"?: string | null;
        };
        Relationships: [];
      };
      "agent_gaps": {
        Row: {
          "agent_id": string;
          "began_at": string;
          "detail": NonNullable<Json>;
          "ended_at": string;
          "reason": string;
        };
        ComputedFields: never;
        Insert: {
          "agent_id": string;
          "began_at": string;
          "detail"?: NonNullable<Json>;
          "ended_at": string;
          "reason": string;
        };
        Update: {
          "agent_id"?: string;
          "began_at"?: string;
          "detail"?: NonNullable<Json>;
          "ended_at"?: string;
          "reason"?: string;
        };
        Relationships: [
          {
            foreignKeyName: "agent_gaps_agent_id_fkey";
            columns: ["agent_id"];
            isOneToOne: false;
            referencedRelation: "agent_beats";
            referencedColumns: ["agent_id"];
          },
        ];
      };
      "agent_instances": {
        Row: {
          "address": string | null;
          "adopted_as": string | null;
          "adopted_at": string | null;
          "agent_id": string;
          "hostname": string | null;
          "instance_id": string;
          "last_seen_at": string | null;
          "noted_at": string;
          "place": number;
          "supports": (string)[];
        };
        ComputedFields: never;
        Insert: {
          "address"?: string | null;
          "adopted_as"?: string | null;
          "adopted_at"?: string | null;
          "agent_id": string;
          "hostname"?: string | null;
          "instance_id": string;
          "last_seen_at"?: string | null;
          "noted_at"?: string;
          "place"?: never;
          "supports"?: (string)[];
        };
        Update: {
          "address"?: string | null;
          "adopted_as"?: string | null;
          "adopted_at"?: string | null;
          "agent_id"?: string;
          "hostname"?: string | null;
          "instance_id"?: string;
          "last_seen_at"?: string | null;
          "noted_at"?: string;
          "place"?: never;
          "supports"?: (string)[];
        };
        Relationships: [
          {
            foreignKeyName: "agent_instances_adopted_as_fkey";
            columns: ["adopted_as"];
            isOneToOne: false;
            referencedRelation: "agents";
            referencedColumns: ["id"];
          },
          {
            foreignKeyName: "agent_instances_adopted_as_fkey";
            columns: ["adopted_as"];
            isOneToOne: false;
            referencedRelation: "fleet";
            referencedColumns: ["id"];
          },
          {
            foreignKeyName: "agent_instances_agent_id_fkey";
            columns: ["agent_id"];
            isOneToOne: false;
            referencedRelation: "agent_beats";
            referencedColumns: ["agent_id"];
          },
        ];
      };
      "agent_troubles": {
        Row: {
          "agent_id": string;
          "incident_id": string | null;
          "kind": string;
          "noted_at": string;
        };
        ComputedFields: never;
        Insert: {
          "agent_id": string;
          "incident_id"?: string | null;
          "kind": string;
          "noted_at": string;
        };
        Update: {
          "agent_id"?: string;
          "incident_id"?: string | null;
          "kind"?: string;
          "noted_at"?: string;
        };
        Relationships: [];
      };
      "agent_turns": {
        Row: {
          "agent_id": string;
          "at": string;
          "instance_id": string;
          "place": number;
          "seq": number | null;
          "stopping": boolean;
        };
        ComputedFields: never;
        Insert: {
          "agent_id": string;
          "at": string;
          "instance_id": string;
          "place"?: never;
          "seq"?: number | null;
          "stopping": boolean;
        };
        Update: {
          "agent_id"?: string;
          "at"?: string;
          "instance_id"?: string;
          "place"?: never;
          "seq"?: number | null;
          "stopping"?: boolean;
        };
        Relationships: [
          {
            foreignKeyName: "agent_turns_agent_id_fkey";
            columns: ["agent_id"];
            isOneToOne: false;
            referencedRelation: "agent_beats";
            referencedColumns: ["agent_id"];
          },
        ];
      };
      "agents": {
        Row: {
          "adopted_from": string | null;
          "agent_secret": string | null;
          "arch": string | null;
          "created_at": string;
          "handshakes_count": number;
          "heartbeat_interval_seconds": number;
          "hostname": string | null;
          "id": string;
          "labels": NonNullable<Json>;
          "last_handshake_at": string | null;
          "last_refusal": string | null;
          "last_refused_at": string | null;
          "last_secret": string | null;
          "muted_until": string | null;
          "name": string;
          "os": string | null;
          "owner_id": string | null;
          "pending_secret": string | null;
          "pending_secret_created_at": string | null;
          "previous_secret": string | null;
          "previous_secret_created_at": string | null;
          "previous_secret_expires_at": string | null;
          "progress_deadline_seconds": number | null;
          "refused_handshakes_count": number;
          "restored_at": string | null;
          "revoked_at": string | null;
          "secret_created_at": string | null;
          "supports": (string)[];
          "version": string | null;
          "agent_json": Json | null;
        };
        ComputedFields: "agent_json";
        Insert: {
          "adopted_from"?: string | null;
          "agent_secret"?: string | null;
          "arch"?: string | null;
          "created_at"?: string;
          "handshakes_count"?: number;
          "heartbeat_interval_seconds"?: number;
          "hostname"?: string | null;
          "id"?: string;
          "labels"?: NonNullable<Json>;
          "last_handshake_at"?: string | null;
          "last_refusal"?: string | null;
          "last_refused_at"?: string | null;
          "last_secret"?: string | null;
          "muted_until"?: string | null;
          "name": string;
          "os"?: string | null;
          "owner_id"?: string | null;
          "pending_secret"?: string | null;
          "pending_secret_created_at"?: string | null;
          "previous_secret"?: string | null;
          "previous_secret_created_at"?: string | null;
          "previous_secret_expires_at"?: string | null;
          "progress_deadline_seconds"?: number | null;
          "refused_handshakes_count"?: number;
          "restored_at"?: string | null;
          "revoked_at"?: string | null;
          "secret_created_at"?: string | null;
          "supports"?: (string)[];
          "version"?: string | null;
        };
        Update: {
          "adopted_from"?: string | null;
          "agent_secret"?: string | null;
          "arch"?: string | null;
          "created_at"?: string;
          "handshakes_count"?: number;
          "heartbeat_interval_seconds"?: number;
          "hostname"?: string | null;
          "id"?: string;
          "labels"?: NonNullable<Json>;
          "last_handshake_at"?: string | null;
          "last_refusal"?: string | null;
          "last_refused_at"?: string | null;
          "last_secret"?: string | null;
          "muted_until"?: string | null;
          "name"?: string;
          "os"?: string | null;
          "owner_id"?: string | null;
          "pending_secret"?: string | null;
          "pending_secret_created_at"?: string | null;
          "previous_secret"?: string | null;
          "previous_secret_created_at"?: string | null;
          "previous_secret_expires_at"?: string | null;
          "progress_deadline_seconds"?: number | null;
          "refused_handshakes_count"?: number;
          "restored_at"?: string | null;
          "revoked_at"?: string | null;
          "secret_created_at"?: string | null;
          "supports"?: (string)[];
          "version"?: string | null;
        };
        Relationships: [];
      };
      "channels": {
        Row: {
          "after_seconds": number;
          "created_at": string;
          "enabled": boolean;
          "enabled_at": string;
          "id": string;
          "kind": string;
          "kinds": (string)[] | null;
          "labels": NonNullable<Json>;
          "name": string;
          "owner_id": string | null;
          "remind_after_seconds": number | null;
          "settings": NonNullable<Json>;
          "channel_json": Json | null;
        };
        ComputedFields: "channel_json";
        Insert: {
          "after_seconds"?: number;
          "created_at"?: string;
          "enabled"?: boolean;
          "enabled_at"?: string;
          "id"?: string;
          "kind": string;
          "kinds"?: (string)[] | null;
          "labels"?: NonNullable<Json>;
          "name": string;
          "owner_id"?: string | null;
          "remind_after_seconds"?: number | null;
          "settings": NonNullable<Json>;
        };
        Update: {
          "after_seconds"?: number;
          "created_at"?: string;
          "enabled"?: boolean;
          "enabled_at"?: string;
          "id"?: string;
          "kind"?: string;
          "kinds"?: (string)[] | null;
          "labels"?: NonNullable<Json>;
          "name"?: string;
          "owner_id"?: string | null;
          "remind_after_seconds"?: number | null;
          "settings"?: NonNullable<Json>;
        };
        Relationships: [];
      };
      "deliveries": {
        Row: {
          "attempts": number;
          "channel_id": string;
          "created_at": string;
          "delivered_at": string | null;
          "id": string;
          "incident": NonNullable<Json>;
          "incident_id": string;
          "last_answer": string | null;
          "leased_until": string | null;
          "next_attempt_at": string;
          "place": number;
          "state": string;
          "type": string;
        };
        ComputedFields: never;
        Insert: {
          "attempts"?: number;
          "channel_id": string;
          "created_at": string;
          "delivered_at"?: string | null;
          "id"?: string;
          "incident": NonNullable<Json>;
          "incident_id": string;
          "last_answer"?: string | null;
          "leased_until"?: string | null;
          "next_attempt_at": string;
          "place"?: never;
          "state"?: string;
          "type": string;
        };
        Update: {
          "attempts"?: number;
          "channel_id"?: string;
          "created_at"?: string;
          "delivered_at"?: string | null;
          "id"?: string;
          "incident"?: NonNullable<Json>;
          "incident_id"?: string;
          "last_answer"?: string | null;
          "leased_until"?: string | null;
          "next_attempt_at"?: string;
          "place"?: never;
          "state"?: string;
          "type"?: string;
        };
        Relationships: [
          {
            foreignKeyName: "deliveries_channel_id_fkey";
            columns: ["channel_id"];
            isOneToOne: false;
            referencedRelation: "channels";
            referencedColumns: ["id"];
          },
          {
            foreignKeyName: "deliveries_incident_id_fkey";
            columns: ["incident_id"];
            isOneToOne: false;
            referencedRelation: "incidents";
            referencedColumns: ["id"];
          },
        ];
      };
      "enrollment_hosts": {
        Row: {
          "address": string | null;
          "agent_id": string | null;
          "created_at": string;
          "detail": string | null;
          "enrollment_id": string;
          "failed": boolean;
          "happened_at": string;
          "host_digest": string;
          "hostname": string | null;
          "step": string | null;
        };
        ComputedFields: never;
        Insert: {
          "address"?: string | null;
          "agent_id"?: string | null;
          "created_at"?: string;
          "detail"?: string | null;
          "enrollment_id": string;
          "failed"?: boolean;
          "happened_at"?: string;
          "host_digest": string;
          "hostname"?: string | null;
          "step"?: string | null;
        };
        Update: {
          "address"?: string | null;
          "agent_id"?: string | null;
          "created_at"?: string;
          "detail"?: string | null;
          "enrollment_id"?: string;
          "failed"?: boolean;
          "happened_at"?: string;
          "host_digest"?: string;
          "hostname"?: string | null;
          "step"?: string | null;
        };
        Relationships: [
          {
            foreignKeyName: "enrollment_hosts_enrollment_id_fkey";
            columns: ["enrollment_id"];
            isOneToOne: false;
            referencedRelation: "enrollments";
            referencedColumns: ["id"];
          },
        ];
      };
      "enrollments": {
        Row: {
          "code_digest": string;
          "created_at": string;
          "expires_at": string;
          "heartbeat_interval_seconds": number;
          "id": string;
          "labels": NonNullable<Json>;
          "name": string;
          "owner_id": string | null;
          "progress_deadline_seconds": number | null;
          "revoked_at": string | null;
          "used": number;
          "uses": number;
          "enrollment_json": Json | null;
        };
        ComputedFields: "enrollment_json";
        Insert: {
          "code_digest": string;
          "created_at"?: string;
          "expires_at": string;
          "heartbeat_interval_seconds": number;
          "id"?: string;
          "labels": NonNullable<Json>;
          "name": string;
          "owner_id"?: string | null;
          "progress_deadline_seconds"?: number | null;
          "revoked_at"?: string | null;
          "used"?: number;
          "uses": number;
        };
        Update: {
          "code_digest"?: string;
          "created_at"?: string;
          "expires_at"?: string;
          "heartbeat_interval_seconds"?: number;
          "id"?: string;
          "labels"?: NonNullable<Json>;
          "name"?: string;
          "owner_id"?: string | null;
          "progress_deadline_seconds"?: number | null;
          "revoked_at"?: string | null;
          "used"?: number;
          "uses"?: number;
        };
        Relationships: [];
      };
      "history_beats": {
        Row: {
          "agent_id": string;
          "at": string;
          "metrics": NonNullable<Json>;
          "status": number;
        };
        ComputedFields: never;
        Insert: {
          "agent_id": string;
          "at"?: string;
          "metrics": NonNullable<Json>;
          "status": number;
        };
        Update: {
          "agent_id"?: string;
          "at"?: string;
          "metrics"?: NonNullable<Json>;
          "status"?: number;
        };
        Relationships: [];
      };
      "history_hours": {
        Row: {
          "agent_id": string;
          "figures": (number)[];
          "hour_at": string;
          "known": number;
          "others": string | null;
        };
        ComputedFields: never;
        Insert: {
          "agent_id": string;
          "figures": (number)[];
          "hour_at": string;
          "known": number;
          "others"?: string | null;
        };
        Update: {
          "agent_id"?: string;
          "figures"?: (number)[];
          "hour_at"?: string;
          "known"?: number;
          "others"?: string | null;
        };
        Relationships: [];
      };
      "history_minutes": {
        Row: {
          "agent_id": string;
          "hour_at": string;
          "minutes": string;
        };
        ComputedFields: never;
        Insert: {
          "agent_id": string;
          "hour_at": string;
          "minutes": string;
        };
        Update: {
          "agent_id"?: string;
          "hour_at"?: string;
          "minutes"?: string;
        };
        Relationships: [];
      };
      "history_settings": {
        Row: {
          "days": number;
          "folded_agent": string;
          "folded_until": string;
          "folding_until": string | null;
          "is_the_only_one": boolean;
        };
        ComputedFields: never;
        Insert: {
          "days"?: number;
          "folded_agent"?: string;
          "folded_until"?: string;
          "folding_until"?: string | null;
          "is_the_only_one"?: boolean;
        };
        Update: {
          "days"?: number;
          "folded_agent"?: string;
          "folded_until"?: string;
          "folding_until"?: string | null;
          "is_the_only_one"?: boolean;
        };
        Relationships: [];
      };
      "incident_agents": {
        Row: {
          "agent_id": string;
          "agent_name": string;
          "incident_id": string;
          "joined_at": string;
          "left_at": string | null;
          "returns_count": number;
        };
        ComputedFields: never;
        Insert: {
          "agent_id": string;
          "agent_name": string;
          "incident_id": string;
          "joined_at": string;
          "left_at"?: string | null;
          "returns_count"?: number;
        };
        Update: {
          "agent_id"?: string;
          "agent_name"?: string;
          "incident_id"?: string;
          "joined_at"?: string;
          "left_at"?: string | null;
          "returns_count"?: number;
        };
        Relationships: [
          {
            foreignKeyName: "incident_agents_incident_id_fkey";
            columns: ["incident_id"];
            isOneToOne: false;
            referencedRelation: "incidents";
            referencedColumns: ["id"];
          },
        ];
      };
      "incidents": {
        Row: {
          "acknowledged_at": string | null;
          "acknowledged_by": string | null;
          "agents_count": number;
          "changes_count": number;
          "closed_at": string | null;
          "first_beat_at": string | null;
          "id": string;
          "joined_at": string;
          "kind": string;
          "labels": NonNullable<Json>;
          "last_beat_at": string | null;
          "longest_interval_seconds": number | null;
          "network": string | null;
          "opened_at": string;
          "owner_id": string | null;
          "quiet_since": string | null;
          "reason": string | null;
          "reopened_at": string | null;
          "version": string | null;
          "incident_json": Json | null;
        };
        ComputedFields: "incident_json";
        Insert: {
          "acknowledged_at"?: string | null;
          "acknowledged_by"?: string | null;
          "agents_count"?: number;
          "changes_count"?: number;
          "closed_at"?: string | null;
          "first_beat_at"?: string | null;
          "id"?: string;
          "joined_at": string;
          "kind": string;
          "labels"?: NonNullable<Json>;
          "last_beat_at"?: string | null;
          "longest_interval_seconds"?: number | null;
          "network"?: string | null;
          "opened_at": string;
          "owner_id"?: string | null;
          "quiet_since"?: string | null;
          "reason"?: string | null;
          "reopened_at"?: string | null;
          "version"?: string | null;
        };
        Update: {
          "acknowledged_at"?: string | null;
          "acknowledged_by"?: string | null;
          "agents_count"?: number;
          "changes_count"?: number;
          "closed_at"?: string | null;
          "first_beat_at"?: string | null;
          "id"?: string;
          "joined_at"?: string;
          "kind"?: string;
          "labels"?: NonNullable<Json>;
          "last_beat_at"?: string | null;
          "longest_interval_seconds"?: number | null;
          "network"?: string | null;
          "opened_at"?: string;
          "owner_id"?: string | null;
          "quiet_since"?: string | null;
          "reason"?: string | null;
          "reopened_at"?: string | null;
          "version"?: string | null;
        };
        Relationships: [];
      };
      "reader_keys": {
        Row: {
          "created_at": string;
          "id": string;
          "key_digest": string;
          "name": string;
          "owner_id": string | null;
          "reader_key_json": Json | null;
        };
        ComputedFields: "reader_key_json";
        Insert: {
          "created_at"?: string;
          "id"?: string;
          "key_digest": string;
          "name": string;
          "owner_id"?: string | null;
        };
        Update: {
          "created_at"?: string;
          "id"?: string;
          "key_digest"?: string;
          "name"?: string;
          "owner_id"?: string | null;
        };
        Relationships: [];
      };
      "server_gaps": {
        Row: {
          "began_at": string;
          "ended_at": string;
          "excused_until": string;
          "id": number;
        };
        ComputedFields: never;
        Insert: {
          "began_at": string;
          "ended_at": string;
          "excused_until": string;
          "id"?: never;
        };
        Update: {
          "began_at"?: string;
          "ended_at"?: string;
          "excused_until"?: string;
          "id"?: never;
        };
        Relationships: [];
      };
      "ticks": {
        Row: {
          "every_seconds": number;
          "is_the_only_one": boolean;
          "ticked_at": string;
        };
        ComputedFields: never;
        Insert: {
          "every_seconds": number;
          "is_the_only_one"?: boolean;
          "ticked_at": string;
        };
        Update: {
          "every_seconds"?: number;
          "is_the_only_one"?: boolean;
          "ticked_at"?: string;
        };
        Relationships: [];
      };
    };
    Views: {
      "fleet": {
        Row: {
          "arch": string | null;
          "back_at": string | null;
          "busy": boolean | null;
          "clock_offset_seconds": number | null;
          "created_at": string;
          "handshakes_count": number;
          "heartbeat_interval_seconds": number;
          "heartbeats_count": number;
          "hostname": string | null;
          "id": string;
          "labels": NonNullable<Json>;
          "last_handshake_at": string | null;
          "last_progress_at": string | null;
          "last_refusal": string | null;
          "last_refused_at": string | null;
          "last_secret": string | null;
          "last_seen_at": string | null;
          "liveness": string | null;
          "liveness_since": string | null;
          "message": string | null;
          "metrics": NonNullable<Json>;
          "muted_until": string | null;
          "name": string;
          "os": string | null;
          "owner_id": string | null;
          "previous_secret_expires_at": string | null;
          "progress_deadline_seconds": number | null;
          "refused_handshakes_count": number;
          "revoked_at": string | null;
          "secret_created_at": string | null;
          "silent_for": string | null;
          "status": string | null;
          "version": string | null;
        };
        ComputedFields: never;
        Relationships: [];
      };
    };
    Functions: {
      "acknowledge_incident": {
        Args: { "act": Json; "incident_id": string; "owner_id": string };
        Returns: Json;
      };
      "add_history_days": { Args: { "first": string; "last": string }; Returns: undefined };
      "add_to_incident": {
        Args: {
          "agents": (string)[];
          "incident": Omit<
            Database["public"]["Tables"]["incidents"]["Row"],
            Database["public"]["Tables"]["incidents"]["ComputedFields"]
          >;
          "moment": string;
        };
        Returns: undefined;
      };
      "adopt_copy": {
        Args: {
          "act": Json;
          "agent_id": string;
          "instance_id": string;
          "owner_id": string;
          "owner_limit": number;
        };
        Returns: Json;
      };
      "agent_copies": {
        Args: {
          "beats": Omit<
            Database["public"]["Tables"]["agent_beats"]["Row"],
            Database["public"]["Tables"]["agent_beats"]["ComputedFields"]
          >;
        };
        Returns: Json;
      };
      "agent_history": {
        Args: {
          "agent_id": string;
          "from_time": string;
          "moment"?: string;
          "owner_id": string;
          "step_seconds": number;
          "to_time": string;
        };
        Returns: Json;
      };
      "agent_json": {
        Args: {
          "agent": Omit<
            Database["public"]["Tables"]["agents"]["Row"],
            Database["public"]["Tables"]["agents"]["ComputedFields"]
          >;
        };
        Returns: Json;
      };
      "agent_liveness": {
        Args: {
          "back_at": string;
          "busy": boolean;
          "deadline_from": string;
          "heartbeat_interval_seconds": number;
          "last_seen_at": string;
          "moment"?: string;
          "progress_deadline_seconds": number;
          "restored_at": string;
          "revoked_at": string;
          "status": string;
        };
        Returns: string;
      };
      "agent_liveness_since": {
        Args: {
          "back_at": string;
          "created_at": string;
          "deadline_from": string;
          "heartbeat_interval_seconds": number;
          "last_seen_at": string;
          "liveness": string;
          "moment"?: string;
          "online_since": string;
          "progress_deadline_seconds": number;
          "restored_at": string;
          "revoked_at": string;
        };
        Returns: string;
      };
      "agent_rank": { Args: { "copies": (string)[]; "liveness": string; "status": string }; Returns: number };
      "agent_trouble": {
        Args: { "created_at": string; "liveness_since": string; "rank": number };
        Returns: number;
      };
      "agents_in_numbers": { Args: { "owner_id": string }; Returns: Json };
      "agents_that_fit": { Args: Record<PropertyKey, never>; Returns: string };
      "agents_with_liveness": { Args: Record<PropertyKey, never>; Returns: string };
      "beats_are_near": {
        Args: {
          "incident": Omit<
            Database["public"]["Tables"]["incidents"]["Row"],
            Database["public"]["Tables"]["incidents"]["ComputedFields"]
          >;
          "interval_seconds": number;
          "last_seen_at": string;
        };
        Returns: boolean;
      };
      "beats_by_minute": {
        Args: { "agent_id": string; "from_time": string; "to_time": string };
        Returns: {
          "at": string;
          "beats": number;
          "worst": number;
        }[];
      };
      "beats_by_quarter": {
        Args: { "agent_id": string; "from_time": string; "to_time": string };
        Returns: {
          "at": string;
          "beats": number;
          "worst": number;
        }[];
      };
      "channel_json": {
        Args: {
          "channel": Omit<
            Database["public"]["Tables"]["channels"]["Row"],
            Database["public"]["Tables"]["channels"]["ComputedFields"]
          >;
        };
        Returns: Json;
      };
      "check_health": { Args: Record<PropertyKey, never>; Returns: Json };
      "claim_deliveries": { Args: { "lease_seconds": number; "most": number }; Returns: Json };
      "close_incidents": { Args: { "moment": string }; Returns: undefined };
      "confirm_adoption": { Args: { "agent_id": string }; Returns: undefined };
      "copies_among_turns": {
        Args: {
          "agent_id": string;
          "instance_id": string;
          "seq": number;
          "since": string;
          "stopping": boolean;
        };
        Returns: string[];
      };
      "count_agents": { Args: Record<PropertyKey, never>; Returns: Json };
      "create_agent": {
        Args: {
          "act": Json;
          "agent": Json;
          "owner_id": string;
          "owner_limit": number;
          "secret_digest": string;
        };
        Returns: Json;
      };
      "create_channel": {
        Args: { "act": Json; "channel": Json; "owner_id": string; "owner_limit": number };
        Returns: Json;
      };
      "create_enrollment": {
        Args: {
          "act": Json;
          "code_digest": string;
          "enrollment": Json;
          "owner_id": string;
          "owner_limit": number;
        };
        Returns: Json;
      };
      "create_reader_key": {
        Args: {
          "act": Json;
          "key_digest": string;
          "name": string;
          "owner_id": string;
          "owner_limit": number;
        };
        Returns: Json;
      };
      "delete_agent": {
        Args: { "act": Json; "agent_id": string; "name": string; "owner_id": string };
        Returns: Json;
      };
      "delivery_json": {
        Args: {
          "channel": Omit<
            Database["public"]["Tables"]["channels"]["Row"],
            Database["public"]["Tables"]["channels"]["ComputedFields"]
          >;
          "delivery": Omit<
            Database["public"]["Tables"]["deliveries"]["Row"],
            Database["public"]["Tables"]["deliveries"]["ComputedFields"]
          >;
        };
        Returns: Json;
      };
      "drop_history_days": { Args: { "hours_before": string; "minutes_before": string }; Returns: undefined };
      "edit_agent": {
        Args: { "act": Json; "agent_id": string; "changes": Json; "owner_id": string };
        Returns: Json;
      };
      "edit_channel": {
        Args: { "act": Json; "changes": Json; "channel_id": string; "owner_id": string };
        Returns: Json;
      };
      "end_agent_sessions": { Args: { "act": Json; "agent_id": string; "owner_id": string }; Returns: Json };
      "end_turn": { Args: { "agent_id": string; "beat": Json; "ended": Json }; Returns: undefined };
      "enroll": {
        Args: {
          "address": string;
          "code_digest": string;
          "host_digest": string;
          "hostname": string;
          "owner_limit": number;
          "secret_digest": string;
        };
        Returns: Json;
      };
      "enroll_agent": {
        Args: {
          "address": string;
          "code": Omit<
            Database["public"]["Tables"]["enrollments"]["Row"],
            Database["public"]["Tables"]["enrollments"]["ComputedFields"]
          >;
          "hostname": string;
          "secret_digest": string;
        };
        Returns: {
          "adopted_from": string | null;
          "agent_secret": string | null;
          "arch": string | null;
          "created_at": string;
          "handshakes_count": number;
          "heartbeat_interval_seconds": number;
          "hostname": string | null;
          "id": string;
          "labels": NonNullable<Json>;
          "last_handshake_at": string | null;
          "last_refusal": string | null;
          "last_refused_at": string | null;
          "last_secret": string | null;
          "muted_until": string | null;
          "name": string;
          "os": string | null;
          "owner_id": string | null;
          "pending_secret": string | null;
          "pending_secret_created_at": string | null;
          "previous_secret": string | null;
          "previous_secret_created_at": string | null;
          "previous_secret_expires_at": string | null;
          "progress_deadline_seconds": number | null;
          "refused_handshakes_count": number;
          "restored_at": string | null;
          "revoked_at": string | null;
          "secret_created_at": string | null;
          "supports": (string)[];
          "version": string | null;
        };
        SetofOptions: {
          from: "*";
          to: "agents";
          isOneToOne: true;
          isSetofReturn: false;
        };
      };
      "enrollment_json": {
        Args: {
          "enrollment": Omit<
            Database["public"]["Tables"]["enrollments"]["Row"],
            Database["public"]["Tables"]["enrollments"]["ComputedFields"]
          >;
        };
        Returns: Json;
      };
      "enrollment_use": { Args: { "code_digest": string; "host_digest": string }; Returns: string };
      "event_json": {
        Args: {
          "event": Omit<
            Database["public"]["Tables"]["agent_events"]["Row"],
            Database["public"]["Tables"]["agent_events"]["ComputedFields"]
          >;
        };
        Returns: Json;
      };
      "expression_of": { Args: { "function": unknown }; Returns: string };
      "fill_outbox": { Args: { "moment": string }; Returns: undefined };
      "filter_of": {
        Args: { "filter": Json };
        Returns: {
          "keys": (string)[];
          "labels": (Json)[];
          "search": string;
          "words": (string)[];
        }[];
      };
      "find_channel": { Args: { "channel_id": string; "owner_id": string }; Returns: Json };
      "find_reader_key": { Args: { "key_digest": string }; Returns: Json };
      "fleet_metrics": { Args: { "owner_id": string }; Returns: Json };
      "fold_beats": {
        Args: { "after_agent": string; "kept_from": string; "last_agent": string; "until": string };
        Returns: undefined;
      };
      "follow_agents": {
        Args: { "filter": Json; "group_key": string; "marks_every": number; "owner_id": string };
        Returns: Json;
      };
      "forget_copies": { Args: Record<PropertyKey, never>; Returns: undefined };
      "forget_future": { Args: { "moment": string }; Returns: undefined };
      "forget_instance": { Args: { "agent_id": string; "instance_id": string }; Returns: undefined };
      "gaps_of_last_hour": { Args: { "moment": string }; Returns: number };
      "get_agent": { Args: { "agent_id": string; "owner_id": string }; Returns: Json };
      "get_enrollment": { Args: { "enrollment_id": string; "owner_id": string }; Returns: Json };
      "get_incident": { Args: { "incident_id": string; "owner_id": string }; Returns: Json };
      "history_hours_kept": { Args: Record<PropertyKey, never>; Returns: string[] };
      "history_names": { Args: Record<PropertyKey, never>; Returns: (string)[] };
      "history_number": { Args: { "value": number }; Returns: number };
      "identify_copy": {
        Args: { "agent_id": string; "instance_id": string; "secret_digest": string };
        Returns: string;
      };
      "incident_json": {
        Args: {
          "incident": Omit<
            Database["public"]["Tables"]["incidents"]["Row"],
            Database["public"]["Tables"]["incidents"]["ComputedFields"]
          >;
        };
        Returns: Json;
      };
      "incident_with_deliveries": {
        Args: {
          "incident": Omit<
            Database["public"]["Tables"]["incidents"]["Row"],
            Database["public"]["Tables"]["incidents"]["ComputedFields"]
          >;
          "owner_id": string;
        };
        Returns: Json;
      };
      "incidents_digest": { Args: { "owner_id": string }; Returns: string };
      "join_incidents": { Args: { "moment": string }; Returns: undefined };
      "keep_history": {
        Args: { "days"?: number; "moment"?: string; "most_beats"?: number };
        Returns: boolean;
      };
      "label_place_expression": { Args: { "label": string }; Returns: string };
      "labels_are_sound": { Args: { "labels": Json }; Returns: boolean };
      "leave_incidents": { Args: { "moment": string }; Returns: undefined };
      "let_read_fleet": { Args: { "reader": unknown }; Returns: undefined };
      "list_agents": {
        Args: {
          "after": Json;
          "counted"?: boolean;
          "filter": Json;
          "owner_id": string;
          "page_limit": number;
          "skipped"?: number;
          "sort": string;
        };
        Returns: Json;
      };
      "list_channels": { Args: { "after": Json; "owner_id": string; "page_limit": number }; Returns: Json };
      "list_enrollments": {
        Args: { "after": Json; "owner_id": string; "page_limit": number };
        Returns: Json;
      };
      "list_events": {
        Args: { "after": Json; "agent_id": string; "kinds": Json; "owner_id": string; "page_limit": number };
        Returns: Json;
      };
      "list_incidents": {
        Args: { "after": Json; "owner_id": string; "page_limit": number; "state": string };
        Returns: Json;
      };
      "list_reader_keys": {
        Args: { "after": Json; "owner_id": string; "page_limit": number };
        Returns: Json;
      };
      "liveness_rank_expression": { Args: { "liveness": string }; Returns: string };
      "map_agents": {
        Args: {
          "filter": Json;
          "followed"?: boolean;
          "group_key": string;
          "marks_every": number;
          "owner_id": string;
        };
        Returns: Json;
      };
      "map_changes": { Args: { "filter": Json; "owner_id": string; "since": Json }; Returns: Json };
      "metrics_by_quarter": {
        Args: { "agent_id": string; "from_time": string; "to_time": string };
        Returns: {
          "at": string;
          "highest": number;
          "lowest": number;
          "mean": number;
          "name": string;
        }[];
      };
      "microseconds": { Args: { "moment": string }; Returns: number };
      "moment_of_map": { Args: { "shortest": number }; Returns: Json };
      "name_of_copy": { Args: { "hostname": string; "name": string }; Returns: string };
      "network_of": { Args: { "address": string }; Returns: string };
      "note_copy": {
        Args: { "agent_id": string; "beside": string; "instance_id": string };
        Returns: undefined;
      };
      "note_event": {
        Args: {
          "act": Json;
          "agent": Omit<
            Database["public"]["Tables"]["agents"]["Row"],
            Database["public"]["Tables"]["agents"]["ComputedFields"]
          >;
          "detail"?: Json;
          "kind": string;
        };
        Returns: undefined;
      };
      "note_gaps": { Args: { "silences": Json }; Returns: undefined };
      "note_own_incident": { Args: { "moment": string }; Returns: undefined };
      "note_owner_event": {
        Args: { "act": Json; "detail": Json; "kind": string; "owner_id": string };
        Returns: undefined;
      };
      "note_tick": { Args: { "every_seconds": number; "moment": string }; Returns: Json };
      "note_troubles": { Args: { "moment": string }; Returns: Json };
      "note_turn": { Args: { "agent_id": string; "beat": Json; "ended": Json }; Returns: undefined };
      "open_sessions": { Args: { "handshakes": Json }; Returns: Json };
      "page_of": { Args: { "items": Json; "page_limit": number }; Returns: Json };
      "read_session": { Args: { "agent_id": string; "epoch": number }; Returns: Json };
      "reader_key_json": {
        Args: {
          "reader_key": Omit<
            Database["public"]["Tables"]["reader_keys"]["Row"],
            Database["public"]["Tables"]["reader_keys"]["ComputedFields"]
          >;
        };
        Returns: Json;
      };
      "record_delivery": {
        Args: {
          "answer": string;
          "attempt": number;
          "delivery_id": string;
          "outcome": string;
          "retry_after_seconds": number;
        };
        Returns: Json;
      };
      "record_heartbeats": {
        Args: {
          "agent_ids": (string)[];
          "backs_in": (number)[];
          "busies": (boolean)[];
          "clock_offsets": (number)[];
          "epochs": (number)[];
          "instance_ids": (string)[];
          "messages": (string)[];
          "metrics": (string)[];
          "progresses": (number)[];
          "seqs": (number)[];
          "statuses": (string)[];
        };
        Returns: Json;
      };
      "record_ordinary_heartbeats": {
        Args: {
          "agent_ids": (string)[];
          "backs_in": (number)[];
          "busies": (boolean)[];
          "clock_offsets": (number)[];
          "epochs": (number)[];
          "instance_ids": (string)[];
          "messages": (string)[];
          "metrics": (string)[];
          "progresses": (number)[];
          "seqs": (number)[];
          "statuses": (string)[];
        };
        Returns: Json;
      };
      "record_progress": {
        Args: { "address": string; "code_digest": string; "host_digest": string; "progress": Json };
        Returns: boolean;
      };
      "record_refusals": { Args: { "refusals": Json }; Returns: undefined };
      "remove_channel": { Args: { "act": Json; "channel_id": string; "owner_id": string }; Returns: Json };
      "remove_old_deliveries": { Args: Record<PropertyKey, never>; Returns: number };
      "remove_old_enrollments": { Args: Record<PropertyKey, never>; Returns: undefined };
      "remove_old_events": { Args: Record<PropertyKey, never>; Returns: number };
      "remove_old_incidents": { Args: Record<PropertyKey, never>; Returns: number };
      "request_rotation": { Args: { "act": Json; "agent_id": string; "owner_id": string }; Returns: Json };
      "restore_agent": { Args: { "act": Json; "agent_id": string; "owner_id": string }; Returns: Json };
      "return_to_incidents": {
        Args: { "agents": (string)[]; "incidents": (string)[]; "moment": string };
        Returns: undefined;
      };
      "revoke_agent": { Args: { "act": Json; "agent_id": string; "owner_id": string }; Returns: Json };
      "revoke_copy": {
        Args: { "act": Json; "agent_id": string; "instance_id": string; "owner_id": string };
        Returns: Json;
      };
      "revoke_enrollment": {
        Args: { "act": Json; "enrollment_id": string; "owner_id": string };
        Returns: Json;
      };
      "revoke_reader_key": { Args: { "act": Json; "key_id": string; "owner_id": string }; Returns: Json };
      "rfc3339": { Args: { "moment": string }; Returns: string };
      "rotate_own_secret": {
        Args: {
          "address": string;
          "agent_id": string;
          "instance_id": string;
          "pending_digest": string;
          "secret_digest": string;
        };
        Returns: boolean;
      };
      "rotate_secret": {
        Args: {
          "act": Json;
          "agent_id": string;
          "overlap_seconds": number;
          "owner_id": string;
          "secret_digest": string;
        };
        Returns: Json;
      };
      "stop_reading_fleet": { Args: { "reader": unknown }; Returns: undefined };
      "tick": { Args: { "every_seconds"?: number; "moment"?: string }; Returns: Json };
      "upkeep": { Args: Record<PropertyKey, never>; Returns: Json };
      "with_trouble": { Args: Record<PropertyKey, never>; Returns: string };
    };
    Enums: {
      [_ in never]: never;
    };
    CompositeTypes: {
      [_ in never]: never;
    };
  };
};

type DatabaseWithoutInternals = Omit<Database, "__InternalSupabase">;

type DefaultSchema = DatabaseWithoutInternals[Extract<keyof Database, "public">];

export type Tables<
  DefaultSchemaTableNameOrOptions extends
    | keyof (DefaultSchema["Tables"] & DefaultSchema["Views"])
    | { schema: keyof DatabaseWithoutInternals },
  TableName extends DefaultSchemaTableNameOrOptions extends {
    schema: keyof DatabaseWithoutInternals;
  } ? keyof (
      & DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Tables"]
      & DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Views"]
    )
    : never = never,
> = DefaultSchemaTableNameOrOptions extends { schema: keyof DatabaseWithoutInternals } ? (
    & DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Tables"]
    & DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Views"]
  )[TableName] extends {
    Row: infer R;
  } ? R
  : never
  : DefaultSchemaTableNameOrOptions extends keyof (DefaultSchema["Tables"] & DefaultSchema["Views"])
    ? (DefaultSchema["Tables"] & DefaultSchema["Views"])[DefaultSchemaTableNameOrOptions] extends {
      Row: infer R;
    } ? R
    : never
  : never;

export type TablesInsert<
  DefaultSchemaTableNameOrOptions extends
    | keyof DefaultSchema["Tables"]
    | { schema: keyof DatabaseWithoutInternals },
  TableName extends DefaultSchemaTableNameOrOptions extends {
    schema: keyof DatabaseWithoutInternals;
  } ? keyof DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Tables"]
    : never = never,
> = DefaultSchemaTableNameOrOptions extends { schema: keyof DatabaseWithoutInternals }
  ? DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Tables"][TableName] extends {
    Insert: infer I;
  } ? I
  : never
  : DefaultSchemaTableNameOrOptions extends keyof DefaultSchema["Tables"]
    ? DefaultSchema["Tables"][DefaultSchemaTableNameOrOptions] extends {
      Insert: infer I;
    } ? I
    : never
  : never;

export type TablesUpdate<
  DefaultSchemaTableNameOrOptions extends
    | keyof DefaultSchema["Tables"]
    | { schema: keyof DatabaseWithoutInternals },
  TableName extends DefaultSchemaTableNameOrOptions extends {
    schema: keyof DatabaseWithoutInternals;
  } ? keyof DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Tables"]
    : never = never,
> = DefaultSchemaTableNameOrOptions extends { schema: keyof DatabaseWithoutInternals }
  ? DatabaseWithoutInternals[DefaultSchemaTableNameOrOptions["schema"]]["Tables"][TableName] extends {
    Update: infer U;
  } ? U
  : never
  : DefaultSchemaTableNameOrOptions extends keyof DefaultSchema["Tables"]
    ? DefaultSchema["Tables"][DefaultSchemaTableNameOrOptions] extends {
      Update: infer U;
    } ? U
    : never
  : never;

export type Enums<
  DefaultSchemaEnumNameOrOptions extends
    | keyof DefaultSchema["Enums"]
    | { schema: keyof DatabaseWithoutInternals },
  EnumName extends DefaultSchemaEnumNameOrOptions extends {
    schema: keyof DatabaseWithoutInternals;
  } ? keyof DatabaseWithoutInternals[DefaultSchemaEnumNameOrOptions["schema"]]["Enums"]
    : never = never,
> = DefaultSchemaEnumNameOrOptions extends { schema: keyof DatabaseWithoutInternals }
  ? DatabaseWithoutInternals[DefaultSchemaEnumNameOrOptions["schema"]]["Enums"][EnumName]
  : DefaultSchemaEnumNameOrOptions extends keyof DefaultSchema["Enums"]
    ? DefaultSchema["Enums"][DefaultSchemaEnumNameOrOptions]
  : never;

export type CompositeTypes<
  PublicCompositeTypeNameOrOptions extends
    | keyof DefaultSchema["CompositeTypes"]
    | { schema: keyof DatabaseWithoutInternals },
  CompositeTypeName extends PublicCompositeTypeNameOrOptions extends {
    schema: keyof DatabaseWithoutInternals;
  } ? keyof DatabaseWithoutInternals[PublicCompositeTypeNameOrOptions["schema"]]["CompositeTypes"]
    : never = never,
> = PublicCompositeTypeNameOrOptions extends { schema: keyof DatabaseWithoutInternals }
  ? DatabaseWithoutInternals[PublicCompositeTypeNameOrOptions["schema"]]["CompositeTypes"][CompositeTypeName]
  : PublicCompositeTypeNameOrOptions extends keyof DefaultSchema["CompositeTypes"]
    ? DefaultSchema["CompositeTypes"][PublicCompositeTypeNameOrOptions]
  : never;

export const Constants = {
  "public": {
    Enums: {},
  },
} as const;
