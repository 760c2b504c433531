//! The tables, as diesel sees them. Written once for both databases; a test compares each with it.

diesel::table! {
    accounts (id) {
        id -> BigInt,
        public_id -> Text,
        username -> Text,
        phone_number -> Nullable<Text>,
        name -> Text,
        role -> Text,
        password_hash -> Nullable<Text>,
        is_suspended -> Bool,
        is_demo -> Bool,
        tokens_valid_from -> BigInt,
        last_event_id -> BigInt,
        created_at -> Timestamp,
        is_guest -> Bool,
        access_revoked_at -> Nullable<Timestamp>,
        password_once_until -> Nullable<Timestamp>,
    }
}

diesel::table! {
    drivers (id) {
        id -> BigInt,
        account_id -> BigInt,
        vehicle_type -> Text,
        license_number -> Nullable<Text>,
        vehicle_registration -> Nullable<Text>,
        vehicle_color -> Nullable<Text>,
        is_verified -> Bool,
        wants -> Text,
        status -> Text,
        rating -> Double,
        rating_count -> BigInt,
        latitude -> Nullable<Double>,
        longitude -> Nullable<Double>,
        heading -> Nullable<Double>,
        speed -> Nullable<Double>,
        position_at -> Nullable<Timestamp>,
        position_measured -> Bool,
        changed_at -> Nullable<Timestamp>,
        external_id -> Nullable<Text>,
    }
}

diesel::table! {
    customers (id) {
        id -> BigInt,
        account_id -> BigInt,
        time_zone -> Nullable<Text>,
        external_id -> Nullable<Text>,
    }
}

diesel::table! {
    guests (account_id) {
        account_id -> BigInt,
        key_hash -> Text,
        later_key_hash -> Nullable<Text>,
        opened_from -> Text,
        created_at -> Timestamp,
    }
}

diesel::table! {
    log_in_places (account_id, place) {
        account_id -> BigInt,
        place -> Text,
        used_at -> Timestamp,
    }
}

diesel::table! {
    log_in_unlocks (account_id) {
        account_id -> BigInt,
        unlocks -> BigInt,
    }
}

diesel::table! {
    jobs (id) {
        id -> BigInt,
        public_id -> Text,
        kind -> Text,
        status -> Text,
        customer_id -> Nullable<BigInt>,
        driver_id -> Nullable<BigInt>,
        restaurant_name -> Text,
        pickup_address -> Text,
        pickup_latitude -> Nullable<Double>,
        pickup_longitude -> Nullable<Double>,
        dropoff_address -> Text,
        dropoff_latitude -> Nullable<Double>,
        dropoff_longitude -> Nullable<Double>,
        earnings_minor -> BigInt,
        distance_km -> Double,
        requested_at -> Timestamp,
        assigned_at -> Nullable<Timestamp>,
        set_out_at -> Nullable<Timestamp>,
        arrived_at -> Nullable<Timestamp>,
        started_at -> Nullable<Timestamp>,
        completed_at -> Nullable<Timestamp>,
        cancelled_at -> Nullable<Timestamp>,
        cancelled_by -> Nullable<Text>,
        cancel_reason -> Nullable<Text>,
        rejected_by -> Nullable<BigInt>,
        is_demo -> Bool,
        ride_type -> Nullable<Text>,
        passenger_phone -> Nullable<Text>,
        estimated_fare_minor -> Nullable<BigInt>,
        final_fare_minor -> Nullable<BigInt>,
        scheduled_at -> Nullable<Timestamp>,
        driver_lost_at -> Nullable<Timestamp>,
        estimated_duration_minutes -> Nullable<BigInt>,
        currency -> Nullable<Text>,
        amount_minor -> Nullable<BigInt>,
        payment_method -> Nullable<Text>,
        payment_status -> Text,
        payment_reference -> Nullable<Text>,
        paid_at -> Nullable<Timestamp>,
        external_id -> Nullable<Text>,
        asked_from -> Nullable<Text>,
    }
}

diesel::table! {
    payment_notices (provider, notice_id) {
        provider -> Text,
        notice_id -> Text,
        job_id -> BigInt,
        payment_status -> Text,
        amount_minor -> Nullable<BigInt>,
        currency -> Nullable<Text>,
        reference -> Nullable<Text>,
        outcome -> Text,
        received_at -> Timestamp,
    }
}

diesel::table! {
    earnings_kept (driver_id, day, currency) {
        driver_id -> BigInt,
        day -> Date,
        currency -> Text,
        total_minor -> BigInt,
        cash_minor -> BigInt,
        orders -> BigInt,
        rides -> BigInt,
    }
}

diesel::table! {
    bookings (job_id) {
        job_id -> BigInt,
        service -> Text,
    }
}

diesel::table! {
    job_declines (job_id, driver_id) {
        job_id -> BigInt,
        driver_id -> BigInt,
        declined_at -> Timestamp,
    }
}

diesel::table! {
    searches (id) {
        id -> BigInt,
        job_id -> BigInt,
        patience -> Text,
        opened_at -> Timestamp,
        deadline -> Timestamp,
        step -> BigInt,
        ended_at -> Nullable<Timestamp>,
        ended_as -> Nullable<Text>,
    }
}

diesel::table! {
    offers (job_id, driver_id) {
        job_id -> BigInt,
        driver_id -> BigInt,
        search_id -> BigInt,
        account_id -> BigInt,
        offered_at -> Timestamp,
        expires_at -> Timestamp,
        ended_at -> Nullable<Timestamp>,
        outcome -> Nullable<Text>,
    }
}

diesel::table! {
    search_candidates (search_id, driver_id) {
        search_id -> BigInt,
        driver_id -> BigInt,
        distance_m -> Double,
        position_age_secs -> Nullable<BigInt>,
        passed_over -> Nullable<Text>,
        looked_at -> Timestamp,
    }
}

diesel::table! {
    ride_ratings (job_id) {
        job_id -> BigInt,
        stars -> BigInt,
        comment -> Nullable<Text>,
        rated_at -> Timestamp,
    }
}

diesel::table! {
    events (account_id, event_id) {
        account_id -> BigInt,
        event_id -> BigInt,
        job_id -> Nullable<BigInt>,
        name -> Text,
        body -> Text,
        created_at -> Timestamp,
        confirmed_at -> Nullable<Timestamp>,
        confirmed_over -> Nullable<Text>,
        processed_at -> Nullable<Timestamp>,
        sent_at -> Nullable<Timestamp>,
        push_due_at -> Nullable<Timestamp>,
        pushed_at -> Nullable<Timestamp>,
    }
}

diesel::table! {
    customer_push_tokens (id) {
        id -> BigInt,
        customer_id -> BigInt,
        device_id -> Nullable<Text>,
        platform -> Text,
        fcm_token -> Nullable<Text>,
        expo_push_token -> Nullable<Text>,
        apns_token -> Nullable<Text>,
        fcm_registered_at -> Nullable<Timestamp>,
        expo_registered_at -> Nullable<Timestamp>,
        apns_registered_at -> Nullable<Timestamp>,
        fcm_dead_at -> Nullable<Timestamp>,
        expo_dead_at -> Nullable<Timestamp>,
        apns_dead_at -> Nullable<Timestamp>,
        is_active -> Bool,
        created_at -> Timestamp,
        updated_at -> Timestamp,
        session -> Nullable<Text>,
    }
}

diesel::table! {
    push_preferences (customer_id) {
        customer_id -> BigInt,
        opt_out -> Text,
        quiet_start -> Nullable<Text>,
        quiet_end -> Nullable<Text>,
        time_zone -> Nullable<Text>,
        updated_at -> Timestamp,
    }
}

diesel::table! {
    notification_history (id) {
        id -> BigInt,
        public_id -> Text,
        customer_id -> BigInt,
        account_id -> Nullable<BigInt>,
        event_id -> Nullable<BigInt>,
        device_id -> BigInt,
        provider -> Nullable<Text>,
        notification_type -> Text,
        title -> Text,
        body -> Text,
        data -> Text,
        is_high_priority -> Bool,
        is_urgent -> Bool,
        status -> Text,
        reason -> Nullable<Text>,
        attempts -> BigInt,
        due_at -> Nullable<Timestamp>,
        leased_until -> Nullable<Timestamp>,
        deadline -> Timestamp,
        provider_message_id -> Nullable<Text>,
        receipt_due_at -> Nullable<Timestamp>,
        created_at -> Timestamp,
        sent_at -> Nullable<Timestamp>,
        accept_ms -> Nullable<BigInt>,
        opened_at -> Nullable<Timestamp>,
    }
}

diesel::table! {
    driver_locations (id) {
        id -> BigInt,
        driver_id -> BigInt,
        latitude -> Double,
        longitude -> Double,
        accuracy -> Nullable<Double>,
        heading -> Nullable<Double>,
        speed -> Nullable<Double>,
        battery_level -> Nullable<Double>,
        created_at -> Timestamp,
    }
}

diesel::table! {
    refresh_tokens (id) {
        id -> Text,
        family -> Text,
        account_id -> BigInt,
        issued_at -> Timestamp,
        expires_at -> Timestamp,
        used_at -> Nullable<Timestamp>,
        successor -> Nullable<Text>,
        revoked_at -> Nullable<Timestamp>,
    }
}

diesel::table! {
    grants (id) {
        id -> Text,
        account_id -> BigInt,
        kind -> Text,
        name -> Text,
        began_at -> Timestamp,
        last_used_at -> Timestamp,
        expires_at -> Timestamp,
        revoked_at -> Nullable<Timestamp>,
    }
}

diesel::table! {
    second_factors (account_id) {
        account_id -> BigInt,
        secret -> Nullable<Text>,
        pending_secret -> Nullable<Text>,
        last_step -> BigInt,
        failures -> BigInt,
        blocked_until -> Nullable<Timestamp>,
    }
}

diesel::table! {
    recovery_codes (account_id, code_hash) {
        account_id -> BigInt,
        code_hash -> Text,
    }
}

diesel::table! {
    idempotency_keys (account_id, route, idempotency_key) {
        account_id -> BigInt,
        route -> Text,
        idempotency_key -> Text,
        request_hash -> Text,
        status -> Integer,
        response -> Text,
        created_at -> Timestamp,
    }
}

diesel::table! {
    audit_log (id) {
        id -> BigInt,
        at -> Timestamp,
        actor -> Text,
        role -> Nullable<Text>,
        action -> Text,
        subject -> Nullable<Text>,
        address -> Nullable<Text>,
        request_id -> Nullable<Text>,
    }
}

diesel::joinable!(drivers -> accounts (account_id));
diesel::joinable!(customers -> accounts (account_id));
diesel::joinable!(events -> jobs (job_id));
diesel::joinable!(jobs -> customers (customer_id));
diesel::joinable!(searches -> jobs (job_id));
diesel::joinable!(search_candidates -> searches (search_id));
diesel::joinable!(bookings -> jobs (job_id));
diesel::allow_tables_to_appear_in_same_query!(customer_push_tokens, refresh_tokens);
diesel::allow_tables_to_appear_in_same_query!(customer_push_tokens, accounts);
diesel::allow_tables_to_appear_in_same_query!(customer_push_tokens, customers);
diesel::allow_tables_to_appear_in_same_query!(
    accounts,
    drivers,
    customers,
    guests,
    jobs,
    events,
    job_declines,
    searches,
    search_candidates,
    offers,
    bookings
);
