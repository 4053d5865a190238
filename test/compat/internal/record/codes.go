package record

import "fmt"

// codeName is the name of a request code in RocketMQ's RequestCode, in lower case, for file names.
func codeName(code int32) string {
	if name, ok := codeNames()[code]; ok {
		return name
	}
	return fmt.Sprintf("unnamed_%d", code)
}

func codeNames() map[int32]string {
	return map[int32]string{
		10: "send_message", 11: "pull_message", 12: "query_message", 14: "query_consumer_offset",
		15: "update_consumer_offset", 17: "update_and_create_topic", 21: "get_all_topic_config",
		25: "update_broker_config", 26: "get_broker_config", 28: "get_broker_runtime_info",
		29: "search_offset_by_timestamp", 30: "get_max_offset", 31: "get_min_offset", 32: "get_earliest_msg_storetime",
		33: "view_message_by_id", 34: "heart_beat", 35: "unregister_client", 36: "consumer_send_msg_back",
		37: "end_transaction", 38: "get_consumer_list_by_group", 39: "check_transaction_state",
		40: "notify_consumer_ids_changed", 41: "lock_batch_mq", 42: "unlock_batch_mq", 43: "get_all_consumer_offset",
		45: "get_all_delay_offset", 46: "check_client_config", 100: "put_kv_config", 101: "get_kv_config",
		102: "delete_kv_config", 103: "register_broker", 104: "unregister_broker", 105: "get_routeinfo_by_topic",
		106: "get_broker_cluster_info", 200: "update_and_create_subscriptiongroup",
		201: "get_all_subscriptiongroup_config", 202: "get_topic_stats_info", 203: "get_consumer_connection_list",
		204: "get_producer_connection_list", 205: "wipe_write_perm_of_broker", 206: "get_all_topic_list_from_nameserver",
		207: "delete_subscriptiongroup", 208: "get_consume_stats", 215: "delete_topic_in_broker",
		216: "delete_topic_in_namesrv", 217: "register_topic_in_namesrv", 219: "get_kvlist_by_namespace",
		220: "reset_consumer_client_offset", 221: "get_consumer_status_from_client",
		222: "invoke_broker_to_reset_offset", 223: "invoke_broker_to_get_consumer_status",
		224: "get_topics_by_cluster", 300: "query_topic_consume_by_who", 307: "get_consumer_running_info",
		309: "consume_message_directly", 310: "send_message_v2", 318: "update_namesrv_config",
		319: "get_namesrv_config", 320: "send_batch_message", 321: "query_consume_queue", 322: "query_data_version",
		324: "send_reply_message", 325: "send_reply_message_v2", 326: "push_reply_message_to_client",
		327: "add_write_perm_of_broker", 328: "get_all_producer_info", 351: "get_topic_config",
		352: "get_subscriptiongroup_config", 361: "lite_pull_message", 400: "query_assignment",
		315: "view_broker_stats_data", 317: "get_broker_consume_stats", 343: "query_topics_by_consumer",
		345: "query_subscription_by_consumer", 901: "get_broker_member_group", 904: "broker_heartbeat",
	}
}
