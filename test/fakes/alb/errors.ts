/** An error that AWS answers with: its code, text and HTTP status. */
export class AwsError extends Error {
  readonly code: string;
  readonly status: number;

  constructor(code: string, message: string, status = 400) {
    super(message);
    this.code = code;
    this.status = status;
  }
}

export function notFound(): AwsError {
  return new AwsError("TargetGroupNotFound", "One or more target groups not found");
}

export function invalid(message: string): AwsError {
  return new AwsError("ValidationError", message);
}
