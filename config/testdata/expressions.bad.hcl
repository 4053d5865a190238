cluster  = upper("a")
data_dir = "${env.HOME}/data"
