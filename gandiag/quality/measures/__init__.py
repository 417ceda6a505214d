"""The metrics themselves: functions of features, which know neither files nor networks."""
