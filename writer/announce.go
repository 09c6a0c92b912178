package writer

// sentStep is how many records are announced at the least.
const sentStep = 4096

// announce says up to which record the target may have been sent some. Steps grow, so that there
// are few of them.
func (j *Job) announce(records int64, announced *int64) error {
	if j.Sending == nil || records < *announced {
		return nil
	}
	*announced = records + max(sentStep, records-j.From.Record)
	return j.Sending(*announced)
}
