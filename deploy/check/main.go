// Command check reads the manifests of deploy/ as Kubernetes and Compose do: no field may be
// unknown to them, and no flag to our tools. It is a module of its own, so that nobody who builds
// the tools needs theirs.
package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/compose-spec/compose-go/v2/cli"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/yaml"
	sigs "sigs.k8s.io/yaml"
)

func main() {
	dir := flag.String("dir", "..", "directory of the manifests")
	bin := flag.String("bin", "../../bin", "directory of pikadump and kvload")
	flag.Parse()
	n, err := checkAll(*dir, *bin)
	if err == nil && n == 0 {
		err = errors.New("there are no manifests in " + *dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "check:", err)
		os.Exit(1)
	}
	fmt.Println(n, "manifests are valid")
}

func checkAll(dir, bin string) (n int, err error) {
	files, err := filepath.Glob(filepath.Join(dir, "k8s", "*.yaml"))
	if err != nil {
		return 0, err
	}
	for _, f := range files {
		if err := checkKubernetes(f, bin); err != nil {
			return n, fmt.Errorf("%s: %w", f, err)
		}
		n++
	}
	f := filepath.Join(dir, "compose", "compose.yaml")
	if err := checkCompose(f, bin); err != nil {
		return n, fmt.Errorf("%s: %w", f, err)
	}
	return n + 1, nil
}

// checkKubernetes decodes every document of a file strictly.
func checkKubernetes(file, bin string) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	docs := yaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(data)))
	for {
		doc, err := docs.Read()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		var head struct{ APIVersion, Kind string }
		if err := sigs.Unmarshal(doc, &head); err != nil {
			return err
		}
		var pod *corev1.PodSpec
		switch head.APIVersion + " " + head.Kind {
		case "batch/v1 Job":
			job := &batchv1.Job{}
			err, pod = sigs.UnmarshalStrict(doc, job), &job.Spec.Template.Spec
		case "batch/v1 CronJob":
			job := &batchv1.CronJob{}
			err, pod = sigs.UnmarshalStrict(doc, job), &job.Spec.JobTemplate.Spec.Template.Spec
		default:
			err = fmt.Errorf("unknown kind %q of %q", head.Kind, head.APIVersion)
		}
		if err != nil {
			return err
		}
		for _, c := range pod.Containers {
			if err := checkFlags(bin, append(c.Command, c.Args...)); err != nil {
				return fmt.Errorf("container %s: %w", c.Name, err)
			}
		}
	}
}

// checkFlags lets the tool itself say whether it knows the flags: help comes behind the parsing.
func checkFlags(bin string, command []string) error {
	tool := exec.Command(filepath.Join(bin, filepath.Base(command[0])), append(command[1:], "--help")...)
	if out, err := tool.CombinedOutput(); err != nil {
		return fmt.Errorf("%v: %w: %s", command, err, out)
	}
	return nil
}

func checkCompose(file, bin string) error {
	o, err := cli.NewProjectOptions([]string{file}, cli.WithProfiles([]string{"tools"}))
	if err != nil {
		return err
	}
	p, err := o.LoadProject(context.Background())
	if err != nil {
		return err
	}
	for _, name := range []string{"pikadump", "kvload"} {
		s, err := p.GetService(name)
		if err == nil {
			err = checkFlags(bin, s.Command)
		}
		if err != nil {
			return fmt.Errorf("service %s: %w", name, err)
		}
	}
	return nil
}
